"""Asking the running service, as a client would."""

import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from infra.errors import Unavailable
from infra.patience import Patience, Process, Waiting, wait_until_ready
from infra.settings import Settings
from serving.access import Role, bearer

if TYPE_CHECKING:
    from urllib.request import Request

    from orchestration.system import System
    from serving.launch import Running

ANSWER_S, AGAIN_S = 10.0, 0.5
RANKS_WITHIN_S = 300.0  # a ready service ranks in milliseconds, on a busy machine in seconds
REFUSED = "was refused"  # in the reason of an answer: the service's words for a release that failed its trial


class BusyError(Unavailable):
    """The service is there and has no time for this request now."""


def ask(
    settings: Settings, system: "System", user: str, limit: int = 10, *, explain: bool = False, preview: bool = False
) -> dict[str, Any]:
    """The service's answer for one user; raises Unavailable when no service answers.

    A preview is neither logged nor remembered.
    """
    return ask_as(settings, {system.page.service.names.user: user}, limit, explain=explain, preview=preview)


def ask_as(
    settings: Settings, who: dict[str, str], limit: int, *, explain: bool = False, preview: bool = False
) -> dict[str, Any]:
    """The same for a caller who gives the field by which the system names its users."""
    return post(settings, "operate", "/v1/feed", {**who, "limit": limit, "explain": explain, "preview": preview})


def answered(
    settings: Settings, system: "System", user: str, version: str | None, by: "Running", *, explain: bool = False
) -> dict[str, Any]:
    """A preview of five items ranked by this release, or by another one because this one was refused.

    On a busy machine some feeds are not ranked in time, and the first ones not before the items are in memory: they are
    requested again. Raises Unavailable when the service ends meanwhile, or does not rank any for long.
    """
    answer: dict[str, Any] = {}

    def ranked() -> bool:
        answer.update(ask(settings, system, user, 5, explain=explain, preview=True))
        return answer["release"] == version or REFUSED in (answer["reason"] or "")

    patience = replace(Patience.of(settings), longest_s=min(settings.longest_wait_s, RANKS_WITHIN_S))
    waiting = Waiting(f"a feed ranked by release {version}", Process(by.process.pid, by.log), patience)
    try:
        wait_until_ready(waiting, ranked, by.process.poll)
    except Unavailable as given_up:
        raise Unavailable(f"{given_up} Its last answer gave as reason: {answer.get('reason', 'none')}") from given_up
    return answer


def probed(settings: Settings, system: "System", version: str, by: "Running") -> dict[str, Any]:
    """The answer by this release to a case of no meaning, which leaves no trace; asked again as `answered` does."""
    from orchestration.probe_case import probe_of

    case, answer = probe_of(system), dict[str, Any]()

    def scored() -> bool:
        answer.update(post(settings, "operate", "/v1/decide", case))
        return answer["release"] == version or REFUSED in (answer["reason"] or "")

    patience = replace(Patience.of(settings), longest_s=min(settings.longest_wait_s, RANKS_WITHIN_S))
    waiting = Waiting(f"a case decided by release {version}", Process(by.process.pid, by.log), patience)
    wait_until_ready(waiting, scored, by.process.poll)
    return answer


def address(settings: Settings) -> str:
    """Where the service of these settings listens."""
    from serving.launch import port

    return f"http://{settings.service_host}:{port(settings)}"


def post(settings: Settings, role: Role, path: str, message: Any) -> dict[str, Any]:
    """POST one JSON message in a role and read the answer.

    A request that a busy service refuses or does not answer is sent again until `settings.patience_s` are over.
    """
    import urllib.request

    headers = {"content-type": "application/json", **bearer(settings, role)}
    request = urllib.request.Request(address(settings) + path, msgspec.json.encode(message), headers)
    until = time.monotonic() + settings.patience_s
    while True:
        try:
            return _answer(request)
        except BusyError as busy:
            if time.monotonic() >= until:
                raise Unavailable(
                    f"{busy}, for {settings.patience_s:g} s now. Ask again when less is going on."
                ) from busy
            time.sleep(AGAIN_S)


def _answer(request: "Request") -> dict[str, Any]:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            reply: dict[str, Any] = msgspec.json.decode(answer.read())
            return reply
    except urllib.error.HTTPError as refused:
        reason = f"{request.full_url} answered {refused.code}: {refused.read().decode(errors='replace')[:300]}"
        if refused.code == HTTPStatus.UNAUTHORIZED:
            reason += (
                " The token shown is of FLYWHEEL_HOME (`.flywheel` of this folder when it is not set): ask from the "
                "folder in which `flywheel up` was started, with the same FLYWHEEL_ settings."
            )
        raise (BusyError if refused.headers.get("retry-after") else Unavailable)(reason) from refused
    except OSError as down:
        if isinstance(getattr(down, "reason", down), TimeoutError):
            raise BusyError(f"{request.full_url} did not answer within {ANSWER_S:g} s") from down
        raise Unavailable(
            f"no service answers at {request.host}: {getattr(down, 'reason', down)}. Start it with `flywheel up`, "
            "or set FLYWHEEL_SERVICE_PORT to where it listens."
        ) from down


def served_releases(settings: Settings) -> set[str]:
    """The releases that workers of the running service answer with; raises Unavailable when none answers."""
    import urllib.request

    from prometheus_client.parser import text_string_to_metric_families

    request = urllib.request.Request(f"{address(settings)}/metrics", headers=bearer(settings, "observe"))
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as page:
            families = text_string_to_metric_families(page.read().decode())
            return {
                str(sample.labels["release"])
                for family in families
                for sample in family.samples
                if sample.name == "flywheel_release_live" and sample.value
            }
    except OSError as down:
        raise Unavailable(
            f"no service answers at {request.host}: {getattr(down, 'reason', down)}. Start it with `flywheel up`."
        ) from down


def rows(answer: dict[str, Any], item_name: str) -> list[tuple[str, ...]]:
    """The answer's items as lines: place, id, and the features that count most where they were asked for."""
    lines: list[tuple[str, ...]] = []
    for place, item in enumerate(answer["items"], 1):
        why = ", ".join(f"{part['feature']} {part['contribution']:+.2f}" for part in item.get("why", ()))
        lines.append((str(place), str(item[item_name]), why))
    return lines
