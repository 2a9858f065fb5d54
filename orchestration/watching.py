"""What is watched of a day, in one report: for the console, for whoever exports it, and as alarms with their owner."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from infra.atomic import atomic_write
from infra.errors import FlywheelError
from infra.manifest import read_manifest
from monitoring import business, calibration, slice_merit
from monitoring.alarms import Raised, confirmed_drops, far_below, quieter, raised
from monitoring.definition import Watch
from monitoring.slices import ALL
from orchestration.diagnosing import reference_of, slices_of
from orchestration.judged_days import outcomes_of
from orchestration.maturing import comes_late, maturing
from orchestration.observed import Observed
from orchestration.product_days import business_of, worse_below
from orchestration.system import Installation
from orchestration.upstream import broken_upstream
from orchestration.watched_drift import alarms_of_drift, drift_lines, null_shares, sliced_drift
from orchestration.watched_tables import alarms_of_tables, tables_of
from training.fitting import acts_from

DAY = timedelta(days=1)
LOOKED_BACK = timedelta(days=28)
FILE, DAYS = "watch.json", "watch"
Lines = list[dict[str, Any]]


class WatchedDay(msgspec.Struct, frozen=True):
    """What later days compare with: the product's measures, which were worse, and whether merit was as promised.

    dropped  the releases whose merit was found to have dropped on the day
    """

    business: Mapping[str, float] = {}
    worse: tuple[str, ...] = ()
    steady: bool | None = None
    dropped: tuple[str, ...] = ()


class WatchReport(msgspec.Struct, frozen=True):
    """The newest day that was watched; `frozen` says why nothing may be trained, empty where it may."""

    at: datetime
    day: date
    release: str | None
    model_age_days: float | None
    alarms: tuple[Raised, ...]
    drift: Lines
    null_shares: Mapping[str, float]
    freshness: Mapping[str, dict[str, Any]]
    merit: Lines
    calibration: Lines
    business: Lines
    frozen: str = ""


def watched(installation: Installation, watch: Watch, day: date, more: Mapping[str, str] | None = None) -> WatchReport:
    """Everything that is watched of a day, stored as the newest report.

    more  alarm → what it says, of checks that were made elsewhere
    """
    at, live = installation.as_of(day), installation.registry.live()
    watch = quieter(watch)
    observed = Observed.load(installation, day)
    drift = sliced_drift(installation, watch, live, observed)
    age = _age(installation, live, at)
    judged_day = next(iter(maturing(installation.system.task, day, day)), day)
    judged = outcomes_of(installation, watch, judged_day) if live else None
    evidence = judged.get("evidence", []) if judged else []
    merits, predictions = _by_slice(installation, watch, live, judged_day)
    days = days_before(installation, day)
    values = business_of(installation, watch, day, observed)
    compared = business.findings(values, [each.business for _, each in days], worse_below(watch), watch)
    worse = tuple(each.measure for each in compared if each.worse)
    steady = next((not e.present for e in evidence if e.release == live and e.present is not None), None)
    known = None if comes_late(installation.system.task) else steady
    dropped = [*(each.dropped for _, each in days), _dropped(judged, watch)]
    series = [*((each.steady, each.worse) for _, each in days), (known, worse)]
    tables = tables_of(installation, watch, day)
    says: list[tuple[str, str]] = [
        *alarms_of_tables(installation, watch, day, tables, at),
        *alarms_of_drift(drift, watch),
        *(more or {}).items(),
        *(("merit", e.detail) for e in evidence if e.release in confirmed_drops(dropped, watch)),
        *(("slice", f"{name}: {p.merit:.4f}, promised {p.promised:.4f}")
          for name, p in merits.items() if p.finding == "merit drop"),
        *(("calibration", each.says()) for each in predictions if each.off),
        *((("age", f"release {live} is {age:.1f} days old"),) if (age or 0) * DAY > watch.max_age else ()),
        *(("business", each.says()) for each in compared if each.worse),
        *((("goodhart", text),) if (text := business.goodhart(series, watch)) else ()),
    ]  # fmt: skip
    report = WatchReport(
        at, day, live, None if age is None else round(age, 2), tuple(raised(name, text, at) for name, text in says),
        drift_lines(drift, watch), null_shares(drift), tables,
        [{"day": f"{judged_day}", "release": p.release, "slice": name, "merit": p.merit, "promised": p.promised,
          "error": p.error, "finding": p.finding} for name, p in (*_whole(judged), *merits.items())],
        [msgspec.to_builtins(each) for each in predictions],
        [{"measure": each.measure, "day": f"{day}", "value": each.figure.value, "usual": each.figure.mean,
          "low": each.figure.low, "high": each.figure.high, "worse": each.worse} for each in compared],
        broken_upstream(installation, day),
    )  # fmt: skip
    _store(installation.settings.reports, report, WatchedDay(values, worse, known, dropped[-1]))
    return report


def _by_slice(installation: Installation, watch: Watch, live: str | None, day: date) -> tuple[Any, Any]:
    """The live release's merit by slice, and its calibration, of a day whose outcomes are known."""
    observed = Observed.load(installation, day, matured=True)
    if live is None or observed is None or installation.now() < installation.system.task.matures(day):
        return {}, []
    frame = observed.outcome_frame(installation, live).reset_index(names="row")
    of_live = frame[(frame["release"] == live) & frame["known"]]
    if of_live.empty:
        return {}, []
    rows = of_live["row"].to_numpy()
    objective, slices = installation.system.task.objective, slices_of(installation, observed, rows)
    point = acts_from(installation.registry.folder(live))
    reference = reference_of(installation, live)
    merits = slice_merit.measure(of_live, slices, live, reference, watch, objective, point)
    return merits, calibration.measure(of_live, slices, watch, objective)


def _whole(judged: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    report = judged.get("report") if judged else None
    yield from ((ALL, part) for part in (report.parts if report else ()) if part.served_by == "all")


def _dropped(judged: Mapping[str, Any] | None, watch: Watch) -> tuple[str, ...]:
    return tuple(part.release for _, part in _whole(judged) if far_below(part, watch))


def _age(installation: Installation, live: str | None, at: datetime) -> float | None:
    """How many days ago the live release was made."""
    if live is None:
        return None
    try:
        return (at - read_manifest(installation.registry.folder(live)).created_at) / timedelta(days=1)
    except (FlywheelError, OSError):
        return None


def days_before(installation: Installation, day: date) -> list[tuple[date, WatchedDay]]:
    """The days of the last weeks that were watched, oldest first; one whose file is broken counts as not watched."""
    folder = installation.settings.reports / DAYS
    days = [day - timedelta(days=n) for n in range(LOOKED_BACK.days, 0, -1)]
    watched_days = []
    for each in days:
        with suppress(FileNotFoundError, msgspec.MsgspecError):
            raw = (folder / f"{each}.json").read_bytes()
            watched_days.append((each, msgspec.json.decode(raw, type=WatchedDay)))
    return watched_days


def _store(reports: Path, report: WatchReport, day: WatchedDay) -> None:
    (reports / DAYS).mkdir(parents=True, exist_ok=True)
    for path, content in ((reports / DAYS / f"{report.day}.json", day), (reports / FILE, report)):
        with atomic_write(path) as draft:
            draft.write_bytes(msgspec.json.encode(content))
