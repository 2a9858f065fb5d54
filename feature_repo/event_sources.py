"""The event tables that a feature set counts, checked against the tables' definitions."""

from collections.abc import Mapping
from dataclasses import dataclass

from feature_repo.definition import FeatureSet, Lookup, Signal
from infra.errors import DefinitionError
from validation.contract import Table, unknown


@dataclass(frozen=True, slots=True)
class EventSource:
    """One event table as the features use it: its signals, and the lookups that it borrows by."""

    table: Table
    signals: tuple[Signal, ...]
    lookups: tuple[Lookup, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a signal or a key can name."""
        return (*(c.name for c in self.table.columns), *(name for look in self.lookups for name in look.columns))


def sources(features: FeatureSet, tables: Mapping[str, Table]) -> tuple[EventSource, ...]:
    """The event tables that are counted; raises DefinitionError where features and tables do not fit each other."""
    for name in (*(s.table for s in features.signals), *(look.table for look in features.lookups)):
        if name not in tables:
            raise DefinitionError(f"features {features.name}: table {unknown(name, tables)}")
    event_sources = tuple(_source(features, tables[name]) for name in dict.fromkeys(s.table for s in features.signals))
    by_signal = {signal.name: source for source in event_sources for signal in source.signals}
    for view in features.counter_views:
        for signal in view.counts:
            for key in view.keys:
                if key not in by_signal[signal].columns:
                    where = f"counter view {view.name}, events of signal {signal}"
                    raise DefinitionError(f"{where}: key {unknown(key, by_signal[signal].columns)}")
    for name in features.capped_signals:
        for column in (features.influence.who, features.influence.what) if features.influence else ():
            if column not in by_signal[name].columns:
                where = f"features {features.name}: influence, events of signal {name}"
                raise DefinitionError(f"{where}: {unknown(column, by_signal[name].columns)}")
    return event_sources


def _source(features: FeatureSet, table: Table) -> EventSource:
    own = [column.name for column in table.columns]
    signals = tuple(signal for signal in features.signals if signal.table == table.name)
    source = EventSource(table, signals, tuple(look for look in features.lookups if look.on in own))
    repeated = sorted({name for name in source.columns if source.columns.count(name) > 1})
    if repeated:
        raise DefinitionError(
            f"lookups on {table.name}: {repeated} exist already. Give the borrowed columns other names."
        )
    return source
