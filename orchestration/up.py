"""`flywheel up`: Redis, MLflow, Dagster, the console, the service and the stream, on loopback, until Ctrl-C."""

import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from infra.address import shown
from infra.ending import Ended, raise_if_asked
from infra.errors import DefinitionError
from infra.patience import Patience
from infra.processes import Program, running
from infra.redis_server import running as redis_running
from infra.settings import Settings
from orchestration import pages
from orchestration.jobs import STAGES
from orchestration.listing import endpoint
from orchestration.naming import called
from orchestration.sensors import settle_registry
from orchestration.system import Installation
from serving.launch import serving

LOOKS_EVERY_S = 0.5
BIN = Path(sys.executable).parent
INFRA = Path(__file__).parent.parent / "infra"
# Its processes ask each other with time-outs of 60 s, which a busy machine exceeds while all is well.
DAGSTER_ASKS = ("", "REPOSITORY_", "SCHEDULE_", "SENSOR_")


def dagster_home(settings: Settings) -> Path:
    """Dagster's folder of this installation, with the settings file of the embedded profile in it."""
    home = settings.home.absolute() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(INFRA / "dagster.yaml", home / "dagster.yaml")
    return home


def environment(settings: Settings) -> dict[str, str]:
    """What child processes need to find the same installation.

    Raises DefinitionError for a home below which Dagster's own SQLite addresses lead elsewhere.
    """
    if set("%?") & set(str(settings.home.absolute())):
        raise DefinitionError(
            f"{settings.home.absolute()}: Dagster can keep no records below a path with % or ?. Move the home "
            "(FLYWHEEL_HOME); `flywheel ingest` works here, runs do not."
        )
    variables = {
        "FLYWHEEL_HOME": str(settings.home.absolute()),
        "FLYWHEEL_REDIS_URL": settings.redis_url,
        "FLYWHEEL_SERVICE_PORT": str(settings.service_port),
        "FLYWHEEL_METRICS_PORT": str(settings.metrics_port),
        "FLYWHEEL_CONSOLE_PORT": str(settings.console_port),
        "DAGSTER_HOME": str(dagster_home(settings)),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 20 s to start instead of 55, half the memory
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "BENTOML_DO_NOT_TRACK": "true",
        "FEAST_USAGE": "False",
        **{f"DAGSTER_{kind}GRPC_TIMEOUT_SECONDS": f"{settings.longest_wait_s:.0f}" for kind in DAGSTER_ASKS},
    }
    if settings.schedules:
        variables["FLYWHEEL_SCHEDULES"] = "true"
    if settings.replay_from:
        variables["FLYWHEEL_REPLAY_FROM"] = settings.replay_from.isoformat()
    return variables


def of_system(settings: Settings) -> dict[str, str]:
    """The same, and which systems are meant."""
    variables = {"FLYWHEEL_SYSTEM": settings.system, "FLYWHEEL_ENABLED": ",".join(settings.enabled_systems)}
    if settings.systems_path:
        variables["FLYWHEEL_SYSTEMS_PATH"] = str(settings.systems_path.absolute())
    return environment(settings) | variables


def programs(settings: Settings) -> list[Program]:
    """MLflow's page, Dagster's two processes, the figures of the jobs for Prometheus, and the console."""
    logs, env = settings.home / "logs", of_system(settings)
    groups = [called(system, group) for system in settings.enabled_systems for group in STAGES["daily"]]
    mlflow = f"http://127.0.0.1:{settings.mlflow_port}"
    dagster = f"http://127.0.0.1:{settings.dagster_port}"
    console = f"http://127.0.0.1:{settings.console_port}"
    workspace, patience = ("-w", str(INFRA / "workspace.yaml")), Patience.of(settings)
    return [
        Program(
            f"MLflow       {pages.mlflow(settings)}",
            [
                str(BIN / "mlflow"),
                "server",
                "--host",
                "127.0.0.1",
                "--port",
                str(settings.mlflow_port),
                "--workers",
                "1",
            ],
            logs / "mlflow.log",
            f"{mlflow}/health",
            {**env, "MLFLOW_BACKEND_STORE_URI": settings.tracking_uri},  # a password stands on no command line
            patience,
            "FLYWHEEL_MLFLOW_PORT",
        ),
        Program(
            f"Dagster      {pages.dagster(settings, groups)}",
            [str(BIN / "dagster-webserver"), *workspace, "-h", "127.0.0.1", "-p", str(settings.dagster_port)],
            logs / "dagster-webserver.log",
            f"{dagster}/server_info",
            env,
            patience,
            "FLYWHEEL_DAGSTER_PORT",
        ),
        Program(
            "Dagster's daemon (schedules and sensors)",
            [str(BIN / "dagster-daemon"), "run", *workspace],
            logs / "dagster-daemon.log",
            None,
            env,
        ),
        Program(
            f"Metrics      http://127.0.0.1:{settings.metrics_port}/metrics",
            [str(BIN / "flywheel"), "metrics"],
            logs / "metrics.log",
            f"http://127.0.0.1:{settings.metrics_port}/metrics",
            env,
            patience,
            "FLYWHEEL_METRICS_PORT",
        ),
        Program(
            f"Console      {console}/console/",
            [str(BIN / "flywheel"), "console"],
            logs / "console.log",
            f"{console}/healthz",
            env,
            patience,
            "FLYWHEEL_CONSOLE_PORT",
        ),
    ]


def stream(installation: Installation) -> Program:
    """The stream, started at the present moment of a replay: time has gone on since this process began."""
    env = of_system(installation.settings)
    if installation.settings.replay_from:
        env["FLYWHEEL_REPLAY_FROM"] = installation.now().isoformat()
    log = installation.settings.log("stream")
    name = f"Stream       {installation.system.name}: events count as they land"
    return Program(name, [str(BIN / "flywheel"), "stream"], log, None, env)


def with_ports(settings: Settings, names: Sequence[str]) -> list[Settings]:
    """The settings of each system, with a port for its service: the first has that of the settings, others the next."""
    taken = {settings.dagster_port, settings.mlflow_port, settings.metrics_port, settings.console_port}
    free = (port for port in count(settings.service_port) if port not in taken)
    every = settings.model_copy(update={"enabled": ",".join(names)})
    return [every.of(name).model_copy(update={"service_port": next(free)}) for name in names]


@contextmanager
def everything(installations: Sequence[Installation]) -> Iterator[list[str]]:
    """The systems of one home running, each with its own service and stream; yields one line about each part.

    One that has no policy has neither.
    """
    settings = installations[0].settings
    with ExitStack() as stack:
        disagreements = [each for at in installations for each in settle_registry(at)]  # before a service follows them
        patience = Patience.of(settings)
        stack.enter_context(
            redis_running(settings.redis_url, settings.home / "redis", settings.redis_accept_old, patience=patience)
        )
        lines = [f"Redis        {shown(settings.redis_url)}"]
        for at in installations:
            if at.system.policy:
                address = stack.enter_context(serving(at.settings))
                stack.enter_context(running(stream(at)))
                lines.append(f"Service      {address}  ({at.system.name}: POST {endpoint(at.system)}, /docs)")
                lines.append(stream(at).name)
        yield [*lines, *stack.enter_context(everything_else(installations[0])), *disagreements]


@contextmanager
def everything_else(installation: Installation) -> Iterator[list[str]]:
    """MLflow, Dagster and the console, beside a Redis and a service that run already; yields one line about each."""
    with ExitStack() as stack:
        for program in programs(installation.settings):
            stack.enter_context(running(program))
        yield [program.name for program in programs(installation.settings)]


def until_interrupted() -> None:
    """Wait for Ctrl-C, which is how this is meant to end; SIGTERM raises Ended.

    It checks again and again, because a wait may not end: after a stop (Ctrl-Z) another thread may get the signal.
    """
    try:
        while True:
            time.sleep(LOOKS_EVERY_S)
            raise_if_asked()
    except Ended as ended:
        if ended.sign != signal.SIGINT:
            raise
