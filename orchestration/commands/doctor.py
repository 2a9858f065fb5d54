"""What a system still lacks, in the order in which it has to be there, each with the command that brings it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from infra.errors import FlywheelError
from infra.systems import DEFAULT
from orchestration.system import Installation, unusable
from serving.case_policy import Decide, Say
from serving.definition import Policy

PresenceWord = Literal["there", "missing", "note"]


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part: whether it is there, what was seen, and what to do next where it is missing."""

    part: str
    standing: PresenceWord
    detail: str
    next_step: str = ""

    def row(self) -> tuple[str, str, str, str]:
        """The status as the cells of one line."""
        return self.part, self.standing if self.standing != "missing" else "MISSING", self.detail, self.next_step


def examine(installation: Installation) -> list[PartStatus]:
    """The status of every part that answers by a model need; a part whose check raises an error is missing."""
    return [_of(installation, finding) for look in LOOKS for finding in _guarded(look, installation)]


def complete(findings: list[PartStatus]) -> bool:
    """Whether nothing is missing."""
    return not any(finding.standing == "missing" for finding in findings)


def _of(installation: Installation, finding: PartStatus) -> PartStatus:
    """The status with a next step that names the system, where another one would be meant without."""
    name = installation.system.name
    if name == DEFAULT or "flywheel " not in finding.next_step:
        return finding
    return replace(finding, next_step=f"{finding.next_step} --system {name}")


def _guarded(look: "PartCheck", installation: Installation) -> Iterator[PartStatus]:
    name = look.__name__.strip("_").replace("_", " ")
    try:
        yield from look(installation)
    except (FlywheelError, OSError, ValueError) as failed:
        yield PartStatus(name, "missing", str(failed))


def _home(installation: Installation) -> Iterator[PartStatus]:
    wrong = unusable(installation.settings.home)
    if wrong:
        yield PartStatus("home", "missing", wrong, "export FLYWHEEL_HOME=DIR, a folder that can be written")


def _java(installation: Installation) -> Iterator[PartStatus]:
    from infra.spark import java

    yield PartStatus("java", "there", str(java()))


def _tables(installation: Installation) -> Iterator[PartStatus]:
    for table in installation.system.tables:
        name = f"table {table.name}"
        days = installation.lake.days(f"tables/{table.name}")
        if not days:
            detail = f"no row was taken in; a row is {table.row}"
            mapped = "flywheel map --from DIR, or " if installation.system.name == DEFAULT else ""
            yield PartStatus(name, "missing", detail, f"{mapped}flywheel ingest DIR")
        else:
            rows = installation.lake.read(f"tables/{table.name}", columns=[table.key[0]]).num_rows
            yield PartStatus(name, "there", f"{rows:,} rows, {min(days)} to {max(days)}")


def _waiting(installation: Installation) -> Iterator[PartStatus]:
    from orchestration.partitions import waiting
    from validation.batches import waiting_rows

    files = waiting(installation)
    if files:
        detail = f"{sum(map(len, files.values())):,} files of {min(files)} to {max(files)} wait in the landing"
        yield PartStatus("landing", "note", detail, f"flywheel run ingest --day {min(files)} --until {max(files)}")
    for table in installation.system.tables:
        rows = waiting_rows(installation.lake, table.name)
        if rows:
            first = min(day for day, _ in rows)
            detail = f"{len(rows):,} rows of {table.name} wait, such as: {rows[0][1].reason[:120]}"
            yield PartStatus("quarantine", "note", detail, f"flywheel ingest --replay {first} --export mend.jsonl")


def _states(installation: Installation) -> Iterator[PartStatus]:
    from orchestration.stale_days import stale_days

    newest = _newest(installation)
    if newest is None:
        return
    for view in installation.system.features.profile_views:
        days = installation.lake.days(f"profiles/{view.name}")
        if not days:
            yield PartStatus("features", "missing", f"nothing is computed of {view.name}", _all_of_it(installation))
            return
    days = [
        day
        for view in installation.system.features.counter_views
        for day in installation.lake.days(f"states/{view.name}")
    ]
    if not days:
        yield PartStatus("features", "missing", "no state is published", _run(installation, "features"))
    elif max(days) < newest:
        detail = f"published until {max(days)}, events reach to {newest}"
        next_step = f"flywheel run features --day {max(days) + timedelta(days=1)} --until {newest}"
        yield PartStatus("features", "note", detail, next_step)
    else:
        yield PartStatus("features", "there", f"published until {max(days)}")
    stale = stale_days(installation)
    if stale is not None:
        yield PartStatus("features", "note", f"{stale}", f"flywheel run features --day {stale.days[0]}")


def _redis(installation: Installation) -> Iterator[PartStatus]:
    from infra.redis_server import answers

    url = _shown(installation.settings.redis_url)
    if not answers(installation.settings.redis_url):
        yield PartStatus("redis", "missing", f"nothing answers at {url}", "flywheel up")
        return
    yield PartStatus("redis", "there", url)
    yield from _online(installation)


def _online(installation: Installation) -> Iterator[PartStatus]:
    import redis

    from feature_repo.records import layouts, read_all_records

    policy = installation.system.policy
    if not isinstance(policy, Policy):
        return
    layout = layouts(installation.system.features)[policy.service.item_view]
    with redis.Redis.from_url(installation.settings.redis_url, socket_timeout=30) as client:
        records = read_all_records(client, layout)
    present = int(records.present.sum())
    if not present:
        yield PartStatus(
            "online states",
            "missing",
            f"no {policy.service.item} of {layout.view} is online",
            _run(installation, "features"),
        )
        return
    yield PartStatus("online states", "there", f"{present:,} of {layout.view}")
    may, why = _eligible(installation, records)
    detail = f"{may:,} of {present:,} may be shown to somebody{why}"
    if may:
        yield PartStatus(f"eligible {policy.service.item}", "there", detail)
    else:
        yield PartStatus(
            f"eligible {policy.service.item}", "missing", detail, "mend these columns and flywheel ingest DIR"
        )


def _eligible(installation: Installation, records: Any) -> tuple[int, str]:
    """How many items may be shown to somebody, and which filters exclude the others."""
    import numpy as np

    may, reasons = records.present.copy(), []
    for rule in installation.system.page.release.filters:
        words = rule.words()
        if words is not None:
            passes = np.array([word in words for word in records.column(rule.field.partition(".")[2])], dtype=bool)
            excluded = int((records.present & ~passes).sum())
            reasons += [f"{excluded:,} have another {rule.field} than {', '.join(words)}"] if excluded else []
            may &= passes
    return int(may.sum()), f"; {'; '.join(reasons)}" if reasons else ""


def _release(installation: Installation) -> Iterator[PartStatus]:
    from validation.verdict import Verdict

    releases = installation.settings.releases
    live = installation.registry.live() if releases.exists() else None
    if live is not None:
        yield PartStatus("release", "there", f"{live} is live, ranked by {_ranker(installation, live)}")
        return
    path = installation.settings.candidates / "verdict.json"
    if path.exists() and not (verdict := Verdict.from_json(path.read_bytes())).passed:
        yield PartStatus(
            "release",
            "missing",
            f"the newest was refused: {'; '.join(verdict.reasons())}",
            _run(installation, "retrain"),
        )
        return
    yield PartStatus(
        "release", "missing", "none is live: the rungs below a model answer", _run(installation, "retrain")
    )


def _ranker(installation: Installation, live: str) -> str:
    from infra.manifest import read_manifest

    manifest = read_manifest(installation.settings.releases / live)
    return manifest.ranker or manifest.kind


def _service(installation: Installation) -> Iterator[PartStatus]:
    from orchestration.client import address, ask

    system = installation.system
    if system.policy is None:
        return
    try:
        if isinstance(system.policy, Decide | Say):
            yield _decides(installation)
            return
        answer = ask(installation.settings, system, "doctor", preview=True)
    except FlywheelError as down:
        yield PartStatus(
            "service", "missing", str(down).partition(": ")[0] + f" ({address(installation.settings)})", "flywheel up"
        )
        return
    detail = f"served by {answer['served_by']}, release {answer['release'] or 'none'}, {len(answer['items'])} items"
    if answer["items"]:
        yield PartStatus("feed", "there", detail, "flywheel rank USER")
    else:
        yield PartStatus("feed", "missing", f"{detail}: {answer['reason']}", "see what is missing above")


def _decides(installation: Installation) -> PartStatus:
    """Whether a case is decided: one without a meaning, which leaves no trace."""
    from orchestration.client import post
    from orchestration.probe_case import probe_of

    answer = post(installation.settings, "operate", "/v1/decide", probe_of(installation.system))
    detail = f"served by {answer['served_by']}, release {answer['release'] or 'none'}"
    return PartStatus("service", "there", detail, "flywheel decide '{…}'")


PartCheck = Callable[[Installation], Iterator[PartStatus]]
LOOKS: tuple[PartCheck, ...] = (_home, _java, _tables, _waiting, _states, _redis, _release, _service)


def _newest(installation: Installation) -> date | None:
    days = [day for table in installation.system.tables for day in installation.lake.days(f"tables/{table.name}")]
    return max(days, default=None)


def daily(installation: Installation, first: date, last: date) -> str:
    """The command that makes features, model and release of these days, and learns from all of them."""
    return f"{_history(installation, first, last)}flywheel run daily --day {first} --until {last}"


def _history(installation: Installation, first: date, last: date) -> str:
    days = (last - first).days + 1
    return f"FLYWHEEL_HISTORY_DAYS={days} " if days > installation.history_days else ""


def _all_of_it(installation: Installation) -> str:
    days = installation.lake.days(f"tables/{installation.system.task.decisions}")
    return daily(installation, days[0], days[-1]) if days else "flywheel ingest DIR"


def _run(installation: Installation, job: str) -> str:
    """The command that runs a job on all days with events."""
    days = installation.lake.days(f"tables/{installation.system.task.decisions}")
    if not days:
        return "flywheel ingest DIR"
    return (
        f"flywheel run {job} --day {days[0]} --until {days[-1]}"
        if job == "features"
        else f"{_history(installation, days[0], days[-1])}flywheel run {job} --day {days[-1]}"
    )


def _shown(url: str) -> str:
    """An address without its password."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":…@") if parts.password else url
