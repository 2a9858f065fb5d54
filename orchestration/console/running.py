"""The console as a process: all enabled systems of a home, on one port of loopback."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.settings import Settings
from orchestration.console.app import Console
from orchestration.console.headers import Asgi
from orchestration.console.readings import Readings
from orchestration.console.sessions import Sessions
from orchestration.system import Installation
from serving.guard import Guard

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"
ENDS_IN_S = 3


def console_app(installations: Sequence[Installation], guard: Guard | None = None) -> Asgi:
    """The app of some systems of one home."""
    return Console(installations, guard or Guard(installations[0].settings), Readings(), Sessions()).app()


def server(settings: Settings, app: Asgi) -> "uvicorn.Server":
    """What serves an app on the console's port. Connections have the limits of those of the service."""
    import uvicorn

    from serving.api import limited

    limited(settings)
    return uvicorn.Server(
        uvicorn.Config(
            app, host=HOST, port=settings.console_port, log_level="warning", access_log=False, server_header=False,
            proxy_headers=False, timeout_graceful_shutdown=ENDS_IN_S,
        )
    )  # fmt: skip


def serve(settings: Settings, installations: Sequence[Installation]) -> None:
    """Serve the pages until the process is asked to end."""
    server(settings, console_app(installations)).run()
