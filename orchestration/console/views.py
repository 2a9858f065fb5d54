"""Which address of a system shows what."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestration.console.decisions import decisions
from orchestration.console.drift import drift
from orchestration.console.feed import feed
from orchestration.console.overview import overview
from orchestration.console.queue import queue
from orchestration.console.releases import one_release, releases
from orchestration.console.request import request
from orchestration.console.rooms import Room


@dataclass(frozen=True, slots=True)
class View:
    """One page: its template, its place among the tabs, and what it shows.

    operate  whether only an operator may see it, because it shows what is known of a person
    """

    template: str
    tab: str
    shows: Callable[[Room], Awaitable[Mapping[str, Any]]]
    operate: bool = False


VIEWS: Mapping[str, View] = {
    "": View("overview.html", "", overview),
    "releases": View("releases.html", "releases", releases),
    "releases/{version:int}": View("release.html", "releases", one_release),
    "drift": View("drift.html", "drift", drift),
    "decisions": View("decisions.html", "decisions", decisions),
    "feed": View("feed.html", "feed", feed, operate=True),
    "why": View("why.html", "why", request, operate=True),
    "queue": View("queue.html", "queue", queue, operate=True),
}
