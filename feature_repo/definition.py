"""The terms that features are defined in: signals, counter views, profile views, and the set a model reads.

The numbers that hold where a system sets no others stand here, too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from feature_repo.request_time import MAY_COUNT, Count, Feature, Rate
from infra.errors import DefinitionError
from validation.contract import is_identifier, unknown

UNITS = {"m": 60, "h": 3600, "d": 86_400}
KNOWN_AT = "known_at"  # of a joined row: since when it was known
TIME_COLUMNS = ("event_timestamp", "published_at", "created", KNOWN_AT)
TTL = timedelta(days=90)
"""How long published counters are used: older ones count as none."""
PUBLISH_EVERY_S = 60
RATE_STRENGTH = 5.0
"""How many observations the prior of a rate counts for."""
WAIT_DAYS = 7
"""How long each event waits, from its receipt, for a description that it borrows from; after that it never counts."""
SNAPSHOTS_KEPT = 3
"""How many of the newest days' snapshots are kept: each can be where the next fold starts."""
WEEKLY_SNAPSHOTS_KEPT = 4
"""How many older ones are kept, one a week: where a fold starts after an older day has changed."""
CLOCK_SKEW = timedelta(minutes=5)
"""What a record may be dated ahead of `now`: clocks differ, and a state is dated at the end of its period."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Columns that events borrow from an entity table: `columns` maps each new name to Spark SQL over that table.

    The first accepted description of the entity counts. An event is known when both it and the description are.
    """

    table: str
    on: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signal:
    """What is counted: the rows of an event table for which `where` holds, each with `weight` (both Spark SQL)."""

    name: str
    table: str
    meaning: str
    where: str = "true"
    weight: str = "1.0"


@dataclass(frozen=True, slots=True)
class Influence:
    """How much one user may add to the counters of capped views.

    Of the events of a signal that agree in `who`, `what` and the day of their publication, the first `a_day` to be
    known count, each with its weight times `trust`: Spark SQL over the event and what it borrows, from 0 to 1. Events
    without a `who` count as those of one user.
    Told are the items, with `burst_events` a day or more, that lose `burst_share` of one signal to the cap; and those
    that lose it to `trust`, when that is `burst_times` what is lost on the other items of the day.
    """

    who: str
    what: str
    trust: str = "1.0"
    a_day: int = 1
    burst_events: int = 30
    burst_share: float = 0.5
    burst_times: float = 3.0


@dataclass(frozen=True, slots=True)
class CounterView:
    """Decayed counters of one entity: `counts` maps a signal to its half-lives, written 10m, 6h or 30d.

    `capped`: of each user it counts as much as the set's `influence` allows.
    """

    name: str
    keys: tuple[str, ...]
    counts: Mapping[str, tuple[str, ...]]
    meaning: str
    capped: bool = False

    def __post_init__(self) -> None:
        for label in {label for labels in self.counts.values() for label in labels}:
            seconds(label)

    @property
    def counters(self) -> tuple[str, ...]:
        """Names of the counters in the order they are stored: `long_view_1d`, …"""
        return tuple(f"{signal}_{label}" for signal, labels in self.counts.items() for label in labels)

    @property
    def half_lives(self) -> tuple[float, ...]:
        """Seconds, in the order of `counters`."""
        return tuple(seconds(label) for labels in self.counts.values() for label in labels)


@dataclass(frozen=True, slots=True)
class ProfileView:
    """Slow attributes of one entity: `fields` maps a name to (Feast type name, Spark SQL over the table)."""

    name: str
    table: str
    keys: tuple[str, ...]
    fields: Mapping[str, tuple[str, str]]
    meaning: str


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """All feature definitions of a system; `features` is what the model reads, in the model's order.

    `entities` maps each join key to what it identifies. `lookups` apply to every event table with their `on` column.
    Counters published longer ago than `ttl` count as none, in training and in serving; a release made with another
    `ttl` is refused. A description is valid until the entity is described again, however old it is.
    `publish_every_s` is the length of a publication period: counters change once in it, when the next one begins.
    `influence` says how much one user may add to the counters of views that are `capped`.
    `never_read` names columns, as `table.column`, that no feature may be made from, by whatever way.
    `ever_done` names counters, as `view.counter`, that hardly decay. The pairs of entities for which one of them was
    ever counted are also stored as bits, which a service can hold in memory (`feature_repo.records.ever_done`).
    """

    name: str
    version: int
    owner: str
    entities: Mapping[str, str]
    lookups: tuple[Lookup, ...]
    signals: tuple[Signal, ...]
    counter_views: tuple[CounterView, ...]
    profile_views: tuple[ProfileView, ...]
    features: tuple[Feature, ...]
    ttl: timedelta = TTL
    publish_every_s: int = PUBLISH_EVERY_S
    ever_done: tuple[str, ...] = ()
    influence: Influence | None = None
    never_read: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = {
            "signal": [s.name for s in self.signals],
            "view": [*(v.name for v in self.counter_views), *(v.name for v in self.profile_views)],
            "feature": [f.name for f in self.features],
        }
        for kind, defined in names.items():
            _check_names(f"features {self.name}: {kind}", defined)
        for view in self.counter_views:
            _check_all(f"counter view {view.name}: signal", view.counts, names["signal"])
            _check_view(view.name, view.keys, (*view.keys, *view.counters), self.entities)
        for profile in self.profile_views:
            _check_view(profile.name, profile.keys, (*profile.keys, *profile.fields), self.entities)
        if self.capped_signals and self.influence is None:
            capped = ", ".join(view.name for view in self.counter_views if view.capped)
            raise DefinitionError(f"features {self.name}: {capped} is capped. Say in `influence` how much counts.")
        counters = [f"{v.name}.{c}" for v in self.counter_views for c in v.counters]
        fields = [f"{v.name}.{f}" for v in self.profile_views for f in v.fields]
        pairs = [f"{v.name}.{c}" for v in self.counter_views if len(v.keys) == 2 for c in v.counters]
        _check_all(f"features {self.name}: of counters of two entities, ever_done", self.ever_done, pairs)
        for feature in self.features:
            _check_feature(feature, counters, fields)

    @property
    def service(self) -> str:
        """Name of the Feast feature service."""
        return f"{self.name}_v{self.version}"

    @property
    def capped_signals(self) -> tuple[str, ...]:
        """The signals that a capped view counts, in the order of their definition."""
        capped = {signal for view in self.counter_views if view.capped for signal in view.counts}
        return tuple(signal.name for signal in self.signals if signal.name in capped)

    def signal(self, name: str) -> Signal:
        """The signal of that name."""
        return next(s for s in self.signals if s.name == name)

    def retention(self, view: CounterView) -> timedelta:
        """How long records of a view are kept without a change: for `ttl`, and for the view's longest half-life.

        An action such as a block counts for as long as that, also where no feature reads it any more.
        """
        return max(self.ttl, timedelta(seconds=max(view.half_lives)))

    def ever_done_of(self, view: str) -> tuple[str, ...]:
        """The counters of a view that are among `ever_done`."""
        return tuple(name.removeprefix(f"{view}.") for name in self.ever_done if name.startswith(f"{view}."))

    def counter_view(self, name: str) -> CounterView:
        """The counter view of that name."""
        return next(v for v in self.counter_views if v.name == name)


def known_at_column(view: str) -> str:
    """What historical features call the moments of a view's joined rows."""
    return f"{view}__{KNOWN_AT}"


def _check_view(name: str, keys: tuple[str, ...], columns: tuple[str, ...], entities: Mapping[str, str]) -> None:
    _check_all(f"view {name}: entity", keys, entities)
    _check_names(f"view {name}: column", columns)
    for column in TIME_COLUMNS:
        if column in columns:
            raise DefinitionError(f"view {name}: column `{column}` is one that every view has. Name it otherwise.")


def _check_feature(feature: Feature, counters: list[str], fields: list[str]) -> None:
    """Raises DefinitionError where a feature is made from something that is not stored, or not for its kind."""
    what, kind = f"feature {feature.name}", type(feature).__name__
    counts_only = isinstance(feature, Count | Rate)
    allowed = [*counters * isinstance(feature, MAY_COUNT), *fields * (not counts_only)]
    for name in feature.names():
        if counts_only and (name in fields or "." not in name):
            raise DefinitionError(f"{what} `{name}` is no counter, and {kind} reads nothing else. Use Number or Plain.")
        if name in counters and name not in allowed:
            raise DefinitionError(f"{what} `{name}` is a counter, and {kind} reads none. Use Count, Rate or Against.")
    _check_all(what, feature.reads(), allowed)


def _check_all(what: str, names: Iterable[str], defined: Iterable[str]) -> None:
    for name in names:
        if name not in defined:
            raise DefinitionError(f"{what} {unknown(name, defined)}")


def _check_names(what: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise DefinitionError(f"{what} `{name}` is defined {count} times")
        if not is_identifier(name):
            raise DefinitionError(f"{what} `{name}`: a name is lower-case letters, digits and underscores")


def seconds(label: str) -> float:
    """Seconds in a half-life written like 10m, 6h or 30d; raises DefinitionError for anything else."""
    match = re.fullmatch(r"(\d+)([mhd])", label)
    if match is None or int(match[1]) == 0:
        raise DefinitionError(f"half-life `{label}` is not a length such as 10m, 6h or 30d")
    return float(int(match[1]) * UNITS[match[2]])
