"""The app of a system, by the type of its policy: chosen once, when the process starts."""

from typing import Protocol

from starlette.applications import Starlette

from infra.settings import Settings
from serving.api.app import App
from serving.api.case_app import CaseApp
from serving.api.hot_routes import Asgi
from serving.case_policy import ServedCases
from serving.definition import Served
from serving.online import online
from serving.online_cases import online_cases


class Ready(Protocol):
    """The parts of a running app."""

    ready: bool


class Application(Protocol):
    """What a service process runs."""

    @property
    def online(self) -> Ready | None:
        """Its parts, once it runs."""

    def starlette(self) -> Starlette:
        """The cold routes, and the life of the parts."""

    def with_hot_routes(self, app: Asgi) -> Asgi:
        """The hot routes, and `app` for all other requests."""


def app_for(served: Served | ServedCases, settings: Settings, system: str) -> Application:
    """The app that serves pages, or the one that decides cases."""
    if isinstance(served, ServedCases):
        return CaseApp(served, lambda: online_cases(served, settings, system))
    return App(served, lambda: online(served, settings, system))
