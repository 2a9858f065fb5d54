"""`flywheel up`: Redis, MLflow, Dagster, the service and the stream, on loopback, until Ctrl-C."""

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from feature_repo.redis_server import running as redis_running
from orchestration.ending import Ended
from orchestration.processes import Program, running
from orchestration.system import Installation
from serving.process import serving
from validation.patience import Patience
from validation.settings import Settings

BIN = Path(sys.executable).parent
INFRA = Path(__file__).parent.parent / "infra"
# Its processes ask each other with time-outs of 60 s, which a busy machine exceeds while all is well.
DAGSTER_ASKS = ("", "REPOSITORY_", "SCHEDULE_", "SENSOR_")
STILL_NOW = timedelta(days=3)  # events older than that are a replay


def dagster_home(settings: Settings) -> Path:
    """Dagster's folder of this installation, with the settings file of the embedded profile in it."""
    home = settings.home.absolute() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(INFRA / "dagster.yaml", home / "dagster.yaml")
    return home


def environment(settings: Settings) -> dict[str, str]:
    """What child processes need to find the same installation."""
    given = {
        "FLYWHEEL_HOME": str(settings.home.absolute()),
        "FLYWHEEL_REDIS_URL": settings.redis_url,
        "FLYWHEEL_SERVICE_PORT": str(settings.service_port),
        "DAGSTER_HOME": str(dagster_home(settings)),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 20 s to start instead of 55, half the memory
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "BENTOML_DO_NOT_TRACK": "true",
        "FEAST_USAGE": "False",
        **{f"DAGSTER_{kind}GRPC_TIMEOUT_SECONDS": f"{settings.longest_wait_s:.0f}" for kind in DAGSTER_ASKS},
    }
    if settings.replay_from:
        given["FLYWHEEL_REPLAY_FROM"] = settings.replay_from.isoformat()
    return given


def programs(settings: Settings) -> list[Program]:
    """MLflow's page and Dagster's two processes."""
    logs, env = settings.home / "logs", environment(settings)
    mlflow = f"http://127.0.0.1:{settings.mlflow_port}"
    dagster = f"http://127.0.0.1:{settings.dagster_port}"
    workspace, patience = ("-w", str(INFRA / "workspace.yaml")), Patience.of(settings)
    return [
        Program(
            f"MLflow       {mlflow}",
            [
                str(BIN / "mlflow"),
                "server",
                "--backend-store-uri",
                settings.tracking_uri,
                "--host",
                "127.0.0.1",
                "--port",
                str(settings.mlflow_port),
                "--workers",
                "1",
            ],
            logs / "mlflow.log",
            f"{mlflow}/health",
            env,
            patience,
            "FLYWHEEL_MLFLOW_PORT",
        ),
        Program(
            f"Dagster      {dagster}",
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
    ]


def stream(at: Installation) -> Program:
    """The stream, in the time that it is now: replayed time has gone on since this process began."""
    env = environment(at.settings)
    if at.settings.replay_from:
        env["FLYWHEEL_REPLAY_FROM"] = at.now().isoformat()
    log = at.settings.home / "logs" / "stream.log"
    return Program("Stream       events count as they land", [str(BIN / "flywheel"), "stream"], log, None, env)


@contextmanager
def everything(at: Installation) -> Iterator[list[str]]:
    """The whole installation running; yields one line about each part."""
    settings = at.settings
    with ExitStack() as stack:
        stack.enter_context(redis_running(settings.redis_url, settings.home / "redis", Patience.of(settings)))
        address = stack.enter_context(serving(settings))
        stack.enter_context(running(stream(at)))
        pages = stack.enter_context(everything_else(at))
        first = [f"Redis        {settings.redis_url}", f"Service      {address}  (POST /v1/feed, /docs)"]
        yield [*first, stream(at).name, *pages]


@contextmanager
def everything_else(at: Installation) -> Iterator[list[str]]:
    """MLflow and Dagster, beside a Redis and a service that run already; yields one line about each."""
    with ExitStack() as stack:
        for program in programs(at.settings):
            stack.enter_context(running(program))
        yield [program.name for program in programs(at.settings)]


def replaying(at: Installation, say: Callable[[str], None]) -> Installation:
    """The same installation; old events run in their own time: else nothing would be fresh and all forgotten."""
    days = [day for table in at.system.tables for day in at.lake.days(f"tables/{table.name}")]
    if at.settings.replay_from or not days or at.now().date() - max(days) <= STILL_NOW:
        return at
    moment = datetime.combine(max(days) + timedelta(days=1), time.min, UTC)
    say(f"The newest events are of {max(days)}: everything runs as if it were {moment:%Y-%m-%d %H:%M} UTC now.")
    return Installation(at.system, at.settings.model_copy(update={"replay_from": moment}))


def until_interrupted() -> None:
    """Wait for Ctrl-C, which is how this is meant to end; SIGTERM raises Ended."""
    try:
        signal.pause()
    except Ended as ended:
        if ended.sign != signal.SIGINT:
            raise
