"""Erasure, end to end: a person with real traces is searched for in every file and store before and after it.

The home is made by the command line from simulated events, with a release, an online store and pages that the service
gave; the person is the one who was shown most. Beside it a home with something in every store is cut off at every step.
"""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path

import pyarrow.compute as pc

from infra import failpoint
from infra.lake import Lake
from infra.redis_server import running as redis_running
from infra.settings import Settings, socket_url
from orchestration import erasure
from orchestration.erasure import walk
from orchestration.erasure.erasers import ERASERS
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.orchestration import peopled
from tests.person_search import places_with
from tests.prove.section import Proof, Section
from tests.same_feed.installation import SCALE, released
from tests.same_feed.installation import Installation as Made
from validation.verdict import markdown

TITLE = "An erased person is nowhere, and does not come back"
Row = tuple[str, str, str]


class PowerCut(BaseException):
    """The process ends here."""


@contextmanager
def cut_at(nth: int) -> Iterator[list[str]]:
    """End the block at the nth step that is reached; the steps reached before are in the list."""
    steps: list[str] = []

    def watch(step: str) -> None:
        steps.append(step)
        if len(steps) == nth:
            raise PowerCut

    failpoint.watching = watch
    try:
        yield steps
    except PowerCut:
        pass
    finally:
        failpoint.watching = None


def cuts(folder: Path, every: int = 1) -> tuple[int, list[str]]:
    """How many times an erasure was cut off, and after which cuts the next one did not finish it.

    Before the request is kept there is nothing to finish: who asked was not answered.
    """
    home, original = folder / "home", folder / "original"
    original.mkdir(parents=True)
    with redis_running(socket_url(folder), folder / "redis", allow=("flushall",)) as url:
        peopled.fill(peopled.installation(original / "home", url))
        failed, nth = list[str](), 1
        while True:
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(original / "home", home)
            at = peopled.installation(home, url)
            peopled.online(at)
            with cut_at(nth) as steps:
                _erase(at, peopled.CANARY)
            if len(steps) < nth:
                return (nth - 1) // every, failed
            erasure.erase(at)
            asked = "erasure.asked" in steps
            if asked and (places_with(home, peopled.WORDS, url) or erasure.under_way(at)):
                failed.append(steps[-1])
            nth += every


def _erase(at: Installation, person: str) -> None:
    erasure.ask(at, [person], "proof", "")
    erasure.erase(at, only_asked=True)


def chain(folder: Path) -> tuple[list[Row], bool]:
    """What was searched on a whole home, what was to be there, and where the person was."""
    made = released(folder)
    person = _most_shown(made)
    _visit(made, person)
    before = places_with(made.home, [person])
    inside = f"{made.part.relative_to(made.home)}/"
    stores = Counter("/".join(place.split(" ")[0].removeprefix(inside).split("/")[:2]) for place in before)
    shutil.copytree(made.home, folder / "before", ignore=shutil.ignore_patterns("*.sock"))
    rows, held = [("before", "everywhere", f"{len(before)} places in {len(stores)} stores")], len(stores) > 8

    def step(name: str, do: Callable[[], object]) -> None:
        nonlocal held
        do()
        places = places_with(made.home, [person])
        rows.append((name, "nowhere", ", ".join(places[:3]) or "nowhere"))
        held = held and not places

    began = time.monotonic()
    step("`flywheel erase`", lambda: made.flywheel("erase", person, "--why", "proof"))
    took_s = time.monotonic() - began
    again = folder / "again"
    shutil.copytree(folder / "events", again)
    step("every event delivered again, in other files", lambda: _deliver(made, again))
    first, last = SCALE.start.date(), (SCALE.end - timedelta(days=1)).date()
    backfill = ("run", "features", "--day", str(first), "--until", str(last))
    step("all days of features again", lambda: made.flywheel(*backfill))
    step("an older copy of the lake put back, and the next erasure", lambda: _restore(made, folder / "before"))
    for eraser in ERASERS:
        places = _left_out(folder / "before", folder / "partly", person, eraser.__name__)
        rows.append((f"an erasure without `{eraser.__name__}`", "in what it leaves", f"in {len(places)} places"))
    size = sum(path.stat().st_size for path in (folder / "before").rglob("*") if path.is_file())
    rows.append((f"the walk, over {size / 1e6:,.0f} MB", "", f"it took {took_s:.0f} s"))
    return rows, held


def _most_shown(made: Made) -> str:
    shown = Lake(made.part / "lake").read("tables/impressions", columns=["user_id"])["user_id"]
    return str(max(pc.value_counts(shown).to_pylist(), key=lambda each: each["counts"])["values"])


def _visit(made: Made, person: str) -> None:
    """Pages for the person, and a click: in the landing, in the log of decisions, in the online store."""
    page = {"route": "/v1/feed", "role": "rank", "body": {"user_id": person}, "request_id": "a" * 32, "token_of": None}
    at = (made.moment.astimezone(UTC) + timedelta(seconds=1)).isoformat()
    click = {"events": [{"place": 0, "action": "click", "event_time": at}]}
    event = {"route": "/v1/events", "role": "events", "body": click, "request_id": "b" * 32, "token_of": 0}
    with made.redis():
        made.ask({"page": page, "event": event})


def _deliver(made: Made, events: Path) -> None:
    """The same events in files with other bytes, through the landing and by hand."""
    for path in events.rglob("*.jsonl"):
        path.write_bytes(b"\n" + path.read_bytes())
    made.flywheel("ingest", str(events), "--history")


def _restore(made: Made, before: Path) -> None:
    shutil.rmtree(made.part / "lake")
    shutil.copytree(Settings(home=before).lake, made.part / "lake")
    made.flywheel("erase")


def _left_out(before: Path, home: Path, person: str, name: str) -> list[str]:
    """Where a person is after an erasure that leaves out one store."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(before, home)
    at = Installation(HOME_FEED, Settings(home=home, redis_url=socket_url(home), replay_from=SCALE.end))
    try:
        walk.ERASERS = tuple(each for each in ERASERS if each.__name__ != name)
        _erase(at, person)
    finally:
        walk.ERASERS = ERASERS
    return places_with(home, [person])


def measure(folder: Path) -> Proof:
    """The whole section."""
    ended, failed = cuts(folder / "cuts")
    rows, held = chain(folder / "chain")
    said = json.dumps(failed) if failed else "each was finished by the next call"
    text = "\n\n".join([
        "The person who was shown most in a simulated week is searched for byte by byte, and inside of Parquet, packed "
        "files, SQLite and Redis' file ([person_search.py](../tests/person_search.py)).",
        markdown(("after", "expected", "the person is"), rows),
        f"In a home with something of a person in every store an erasure was cut off at each of its {ended} steps: "
        f"{said}.",
    ])  # fmt: skip
    return Proof(text, held and not failed)


ERASURE = Section("erasure", TITLE, measure)
