"""Commands start fast, and whatever ends one is a sentence and an exit status."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from infra import processes
from infra.errors import Unavailable
from infra.patience import Process, Waiting, wait_until_ready
from infra.settings import Settings
from orchestration import up
from tests.conftest import free_port
from tests.orchestration.commands.test_cli import ROOT, flywheel

HEAVY = (
    "numpy", "numba", "pandas", "pyarrow", "pyspark", "mlflow", "dagster", "great_expectations", "feast", "sklearn",
    "xgboost", "llvmlite", "evidently",
)  # fmt: skip
SMALL = f"""
import sys
from orchestration.commands.cli import main
sys.argv[0] = "flywheel"
try:
    main()
finally:
    print("heavy:", [name for name in {HEAVY} if name in sys.modules])
"""


@pytest.mark.parametrize(
    "words", ["--help", "rank u1", "releases", "token", "demo --help", "ingest --help", "replay --help", "study --help"]
)
def test_a_small_command_loads_nothing_heavy(tmp_path: Path, words: str) -> None:
    env = {**os.environ, "FLYWHEEL_HOME": str(tmp_path), "FLYWHEEL_SERVICE_PORT": "1"}
    command = [sys.executable, "-c", SMALL, *words.split()]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "heavy: []", done.stdout + done.stderr


def environment_of(home: Path) -> dict[str, str]:
    """An installation in that folder, on ports of its own."""
    ports = {name: str(free_port()) for name in ("SERVICE", "DAGSTER", "MLFLOW", "CONSOLE")}
    redis = {"FLYWHEEL_HOME": str(home), "FLYWHEEL_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    return {**os.environ, **redis, **{f"FLYWHEEL_{name}_PORT": port for name, port in ports.items()}}


ANOTHER_THREAD_TAKES_IT_IN = """
import signal, threading
from orchestration import up
from infra import ending
ending.end_in_order()
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("waits", flush=True)
up.until_interrupted()
"""


def test_a_signal_that_another_thread_takes_in_ends_the_wait_too() -> None:
    command = [sys.executable, "-c", ANOTHER_THREAD_TAKES_IT_IN]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waits:
        assert waits.stdout is not None
        assert waits.stdout.readline() == "waits\n"
        waits.terminate()
        assert "Ended" in waits.communicate(timeout=60)[1]


@pytest.mark.parametrize(("words", "running"), [("stream", "java"), ("up", "bentoml")])
def test_sigterm_leaves_nothing_behind_and_says_so(tmp_path: Path, words: str, running: str) -> None:
    command = [sys.executable, "-m", "orchestration", words]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment_of(tmp_path), stdout=subprocess.PIPE, text=True
    ) as started:
        family: set[psutil.Process] = set()
        assert started.stdout is not None
        work = Process(started.pid)

        def begun() -> bool:
            family.update(psutil.Process(started.pid).children(recursive=True))
            return any(running in " ".join(cmdline(process)) for process in family)

        wait_until_ready(Waiting(f"the {running} of `flywheel {words}`", work), begun, started.poll)
        started.send_signal(signal.SIGTERM)
        output = started.stdout.read()
        assert started.wait() == 143
    assert "Ended: by SIGTERM" in output
    assert not [process for process in family if process.is_running()]


def cmdline(process: psutil.Process) -> list[str]:
    """What a process runs; nothing once it has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


INTERRUPTED = """
import os, signal
import dagster as dg
from infra import ending
from orchestration.commands.error_messages import errors_as_exit_status

@dg.asset
def interrupted() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()

ending.end_in_order()
with errors_as_exit_status():
    dg.materialize([interrupted], raise_on_error=False)
    ending.raise_if_asked()
"""


def test_a_run_of_dagster_that_is_asked_to_end_is_no_failed_run() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 143, done.stdout + done.stderr


def failing(home: Path, error: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """A command that ends with this error."""
    script = "from orchestration.commands.error_messages import errors_as_exit_status\nwith errors_as_exit_status():\n"
    script += f"    raise {error}"
    env = {**os.environ, "FLYWHEEL_HOME": str(home), **env}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_a_run_says_each_step_as_it_begins_and_ends(tmp_path: Path) -> None:
    landing = Settings(home=tmp_path).landing / "users"
    landing.mkdir(parents=True)
    (landing / "2026-01-01.jsonl").write_text("{}\n")
    done = flywheel(tmp_path, "run", "ingest", "--day", "2026-01-01")
    lines = [line.strip() for line in done.stdout.splitlines()]
    for step, ends in (("videos", "took"), ("users", "failed after")):
        begins = lines.index(f"{step} …")
        (ended,) = (place for place, line in enumerate(lines) if re.fullmatch(rf"{step} {ends} \d+\.\d s", line))
        assert begins < ended, lines


def test_what_nobody_foresaw_is_a_sentence_and_a_file_with_the_traceback(tmp_path: Path) -> None:
    done = failing(tmp_path, "ValueError('seven [is] no length')")
    assert done.returncode == 70
    assert "Unexpected: ValueError: seven [is] no length. The traceback is in " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    (written,) = (tmp_path / "logs").glob("error-*.txt")
    assert "Traceback" in written.read_text()
    assert "Traceback" in failing(tmp_path, "ValueError('x')", FLYWHEEL_DEBUG="1").stderr


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("OSError(28, 'No space left on device')", "no room is left on the disk"),
        ("PermissionError(13, 'Permission denied', '/srv/flywheel/lake')", "/srv/flywheel/lake may not be written"),
        ("OSError(30, 'Read-only file system', '/srv/flywheel')", "/srv/flywheel is on a read-only disk"),
    ],
)
def test_a_disk_that_cannot_be_written_is_named(tmp_path: Path, error: str, words: str) -> None:
    done = failing(tmp_path, error)
    assert done.returncode == 2
    assert words in done.stdout


@pytest.mark.parametrize(
    ("setting", "value"), [("FLYWHEEL_SERVICE_PORT", "http"), ("FLYWHEEL_REPLAY_FROM", "yesterday")]
)
def test_a_setting_that_cannot_be_read_is_named(tmp_path: Path, setting: str, value: str) -> None:
    env = {**os.environ, "FLYWHEEL_HOME": str(tmp_path), setting: value}
    command = [sys.executable, "-m", "orchestration", "releases"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{setting} is '{value}'" in done.stdout


def test_a_service_that_does_not_run_is_told_with_the_next_step(tmp_path: Path) -> None:
    done = flywheel(tmp_path, "rank", "u1")
    assert done.returncode == 2
    assert "Start it with `flywheel up`" in done.stdout


def test_a_port_that_somebody_else_answers_on_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]
        program = up.programs(Settings(home=tmp_path, mlflow_port=port))[0]
        with pytest.raises(Unavailable, match=f"MLflow .*: port {port} .* FLYWHEEL_MLFLOW_PORT"):
            processes.running(program).__enter__()
