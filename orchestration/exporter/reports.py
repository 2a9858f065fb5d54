"""Figures of the reports of monitoring: drift by feature, business, standing alarms, and the trial."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from infra.release_format import LIVE, read_live_pointer
from orchestration.exporter.families import (
    ALARMS,
    ARMS,
    ASKERS,
    BOUNDS,
    BUSINESS,
    EFFECT,
    FEATURE_PSI,
    GUARDRAILS,
    NULLS,
    SAMPLE_RATIO,
    STATES,
    USUAL,
)
from orchestration.exporter.family import Sample
from orchestration.system import Installation

ALL_ROWS = "all"
Report = TypeVar("Report")


class Drift(msgspec.Struct, frozen=True):
    """One feature in one slice."""

    feature: str
    slice: str
    psi: float | None = None


class Business(msgspec.Struct, frozen=True):
    """One figure of one day."""

    measure: str
    day: str
    value: float | None = None
    usual: float | None = None


class Alarm(msgspec.Struct, frozen=True):
    """One alarm that stands."""

    alarm: str = ""
    owner: str = ""


class Watched(msgspec.Struct, frozen=True):
    """What is read of watch.json."""

    drift: tuple[Drift, ...] = ()
    null_shares: dict[str, float | None] = {}
    business: tuple[Business, ...] = ()
    alarms: tuple[Alarm, ...] = ()


class Tried(msgspec.Struct, frozen=True):
    """What is read of trial.json; without a release it is of the one that is on trial."""

    release: str | None = None
    goal: dict[str, Any] | None = None
    findings: tuple[dict[str, Any], ...] = ()
    askers: Sequence[float] = ()
    sample_ratio: Any = None


def samples(installation: Installation) -> Iterator[Sample]:
    """The figures of both reports; none of one that was not written yet, nor of a trial that has ended."""
    watched = _read(installation, "watch.json", Watched)
    if watched is not None:
        yield from _of_watch(watched)
    tried = _read(installation, "trial.json", Tried)
    if tried is not None and _goes_on(installation, tried):
        yield from _of_trial(tried)


def _goes_on(installation: Installation, tried: Tried) -> bool:
    """Whether the release of the report is on trial still: the last report of a trial stays in the home."""
    pointer = read_live_pointer(installation.settings.releases / LIVE)
    challenger = pointer.challenger if pointer else None
    return challenger is not None and tried.release in {None, challenger.release.version}


def _of_watch(watched: Watched) -> Iterator[Sample]:
    for row in watched.drift:
        if row.slice == ALL_ROWS and row.psi is not None:
            yield Sample(FEATURE_PSI, row.psi, (row.feature,))
    for feature, share in watched.null_shares.items():
        if share is not None:
            yield Sample(NULLS, share, (feature,))
    newest = {row.measure: row for row in sorted(watched.business, key=lambda row: row.day)}
    for measure, figure in newest.items():
        if figure.value is not None:
            yield Sample(BUSINESS, figure.value, (measure,))
        if figure.usual is not None:
            yield Sample(USUAL, figure.usual, (measure,))
    for (alarm, owner), count in Counter((each.alarm, each.owner) for each in watched.alarms).items():
        yield Sample(ALARMS, float(count), (alarm, owner))


def _of_trial(tried: Tried) -> Iterator[Sample]:
    for bound in BOUNDS:
        value = (tried.goal or {}).get(bound)
        if isinstance(value, int | float):
            yield Sample(EFFECT, float(value), (bound,))
    for arm, askers in zip(ARMS, tried.askers, strict=False):
        yield Sample(ASKERS, float(askers), (arm,))
    if isinstance(tried.sample_ratio, int | float):
        yield Sample(SAMPLE_RATIO, float(tried.sample_ratio))
    states = Counter(str(finding.get("state")) for finding in tried.findings)
    for state in STATES:
        yield Sample(GUARDRAILS, float(states[state]), (state,))


def _read(installation: Installation, name: str, kind: type[Report]) -> Report | None:
    """A report as JSON; None where there is none."""
    try:
        return msgspec.json.decode((installation.settings.reports / name).read_bytes(), type=kind)
    except FileNotFoundError:
        return None
