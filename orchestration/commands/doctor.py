"""What a feed still lacks, in the order in which it has to be there, each with the command that brings it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from infra.errors import FlywheelError
from orchestration.system import Installation, unusable

Standing = Literal["there", "missing", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: whether it is there, what was seen, and what to do next where it is not."""

    part: str
    standing: Standing
    told: str
    then: str = ""

    def row(self) -> tuple[str, str, str, str]:
        """The finding as the cells of one line."""
        return self.part, self.standing if self.standing != "missing" else "MISSING", self.told, self.then


def examine(at: Installation) -> list[Finding]:
    """Every part that a ranked feed needs, looked at; a part whose look fails is missing, with the reason."""
    return [finding for look in LOOKS for finding in _guarded(look, at)]


def complete(findings: list[Finding]) -> bool:
    """Whether nothing is missing."""
    return not any(finding.standing == "missing" for finding in findings)


def _guarded(look: "Look", at: Installation) -> Iterator[Finding]:
    name = look.__name__.strip("_").replace("_", " ")
    try:
        yield from look(at)
    except (FlywheelError, OSError, ValueError) as failed:
        yield Finding(name, "missing", str(failed))


def _home(at: Installation) -> Iterator[Finding]:
    wrong = unusable(at.settings.home)
    if wrong:
        yield Finding("home", "missing", wrong, "export FLYWHEEL_HOME=DIR, a folder that can be written")


def _java(at: Installation) -> Iterator[Finding]:
    from infra.spark import java

    yield Finding("java", "there", str(java()))


def _tables(at: Installation) -> Iterator[Finding]:
    for table in at.system.tables:
        name = f"table {table.name}"
        days = at.lake.days(f"tables/{table.name}")
        if not days:
            told = f"no row was taken in; a row is {table.row}"
            yield Finding(name, "missing", told, "flywheel map --from DIR, or flywheel ingest DIR")
        else:
            rows = at.lake.read(f"tables/{table.name}", columns=[table.key[0]]).num_rows
            yield Finding(name, "there", f"{rows:,} rows, {min(days)} to {max(days)}")


def _waiting(at: Installation) -> Iterator[Finding]:
    from orchestration.partitions import waiting
    from validation.batches import waiting_rows

    files = waiting(at)
    if files:
        told = f"{sum(map(len, files.values())):,} files of {min(files)} to {max(files)} wait in the landing"
        yield Finding("landing", "note", told, f"flywheel run ingest --day {min(files)} --until {max(files)}")
    for table in at.system.tables:
        rows = waiting_rows(at.lake, table.name)
        if rows:
            first = min(day for day, _ in rows)
            told = f"{len(rows):,} rows of {table.name} wait, such as: {rows[0][1].reason[:120]}"
            yield Finding("quarantine", "note", told, f"flywheel ingest --replay {first} --export mend.jsonl")


def _states(at: Installation) -> Iterator[Finding]:
    newest = _newest(at)
    if newest is None:
        return
    for view in at.system.features.profile_views:
        days = at.lake.days(f"profiles/{view.name}")
        if not days:
            yield Finding("features", "missing", f"nothing is computed of {view.name}", _all_of_it(at))
            return
    days = [day for view in at.system.features.counter_views for day in at.lake.days(f"states/{view.name}")]
    if not days:
        yield Finding("features", "missing", "no state is published", _run(at, "features"))
    elif max(days) < newest:
        told = f"published until {max(days)}, events reach to {newest}"
        then = f"flywheel run features --day {max(days) + timedelta(days=1)} --until {newest}"
        yield Finding("features", "note", told, then)
    else:
        yield Finding("features", "there", f"published until {max(days)}")


def _redis(at: Installation) -> Iterator[Finding]:
    from infra.redis_server import answers

    url = _shown(at.settings.redis_url)
    if not answers(at.settings.redis_url):
        yield Finding("redis", "missing", f"nothing answers at {url}", "flywheel up")
        return
    yield Finding("redis", "there", url)
    yield from _online(at)


def _online(at: Installation) -> Iterator[Finding]:
    import redis

    from feature_repo.records import layouts, read_all_records

    policy = at.system.policy
    if policy is None:
        return
    layout = layouts(at.system.features)[policy.item_view]
    with redis.Redis.from_url(at.settings.redis_url, socket_timeout=30) as client:
        held = read_all_records(client, layout)
    known = int(held.present.sum())
    if not known:
        yield Finding("online states", "missing", f"no {policy.item} of {layout.view} is online", _run(at, "features"))
        return
    yield Finding("online states", "there", f"{known:,} of {layout.view}")
    may, why = _eligible(at, held)
    told = f"{may:,} of {known:,} may be shown to somebody{why}"
    if may:
        yield Finding(f"eligible {policy.item}", "there", told)
    else:
        yield Finding(f"eligible {policy.item}", "missing", told, "mend these columns and flywheel ingest DIR")


def _eligible(at: Installation, held: Any) -> tuple[int, str]:
    """How many items some asker may be shown, and what keeps the others back."""
    import numpy as np

    from serving.filters import AtMost, OneOf

    assert at.system.policy is not None
    may, told = held.present.copy(), []
    for wanted in at.system.policy.filters:
        if isinstance(wanted, OneOf | AtMost):
            words = wanted.values if isinstance(wanted, OneOf) else wanted.order
            passes = np.array([word in words for word in held.column(wanted.field.partition(".")[2])], dtype=bool)
            kept_back = int((held.present & ~passes).sum())
            told += [f"{kept_back:,} have another {wanted.field} than {', '.join(words)}"] if kept_back else []
            may &= passes
    return int(may.sum()), f"; {'; '.join(told)}" if told else ""


def _release(at: Installation) -> Iterator[Finding]:
    from validation.gates import Verdict

    pointer = at.settings.releases / at.system.name / "live.json"
    live = at.registry.live() if pointer.parent.exists() else None
    if live is not None:
        yield Finding("release", "there", f"{live} is live, ranked by {_ranker(at, live)}")
        return
    verdict = at.settings.home / "candidates" / at.system.name / "verdict.json"
    if verdict.exists() and not (found := Verdict.from_json(verdict.read_bytes())).passed:
        yield Finding(
            "release", "missing", f"the newest was refused: {'; '.join(found.reasons())}", _run(at, "retrain")
        )
        return
    yield Finding(
        "release", "missing", "none is live: a feed is served by what is popular and new", _run(at, "retrain")
    )


def _ranker(at: Installation, live: str) -> str:
    from infra.manifest import read_manifest

    manifest = read_manifest(at.settings.releases / at.system.name / live)
    return manifest.ranker or manifest.kind


def _service(at: Installation) -> Iterator[Finding]:
    from orchestration.client import address, ask

    if at.system.policy is None:
        return
    try:
        answer = ask(at.settings, at.system, "doctor", preview=True)
    except FlywheelError as down:
        yield Finding("service", "missing", str(down).partition(": ")[0] + f" ({address(at.settings)})", "flywheel up")
        return
    told = f"served by {answer['served_by']}, release {answer['release'] or 'none'}, {len(answer['items'])} items"
    if answer["items"]:
        yield Finding("feed", "there", told, "flywheel rank USER")
    else:
        yield Finding("feed", "missing", f"{told}: {answer['reason']}", "see what is missing above")


Look = Callable[[Installation], Iterator[Finding]]
LOOKS: tuple[Look, ...] = (_home, _java, _tables, _waiting, _states, _redis, _release, _service)


def _newest(at: Installation) -> date | None:
    days = [day for table in at.system.tables for day in at.lake.days(f"tables/{table.name}")]
    return max(days, default=None)


def daily(at: Installation, first: date, last: date) -> str:
    """The command that makes features, model and release of these days, and learns from all of them."""
    return f"{_history(at, first, last)}flywheel run daily --day {first} --until {last}"


def _history(at: Installation, first: date, last: date) -> str:
    days = (last - first).days + 1
    return f"FLYWHEEL_HISTORY_DAYS={days} " if days > at.history_days else ""


def _all_of_it(at: Installation) -> str:
    days = at.lake.days(f"tables/{at.system.ranking.shown}")
    return daily(at, days[0], days[-1]) if days else "flywheel ingest DIR"


def _run(at: Installation, job: str) -> str:
    """The command that runs a job on all days with events."""
    days = at.lake.days(f"tables/{at.system.ranking.shown}")
    if not days:
        return "flywheel ingest DIR"
    return (
        f"flywheel run {job} --day {days[0]} --until {days[-1]}"
        if job == "features"
        else f"{_history(at, days[0], days[-1])}flywheel run {job} --day {days[-1]}"
    )


def _shown(url: str) -> str:
    """An address without its password."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":…@") if parts.password else url
