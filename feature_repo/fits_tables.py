"""Whether features and tables fit each other, told when a system is put together and not when Spark runs."""

from collections.abc import Iterable, Mapping, Sequence

from feature_repo.columns_read import words
from feature_repo.definition import FeatureSet, Lookup, ProfileView
from feature_repo.event_sources import EventSource, sources
from feature_repo.field_types import spark_type
from feature_repo.request_time import (
    Against,
    Age,
    Context,
    Distance,
    Feature,
    Holiday,
    Hour,
    Number,
    Plain,
    Recent,
    Since,
    Weekday,
)
from feature_repo.sql_words import mistaken
from infra.errors import DefinitionError
from validation.contract import Table, unknown
from validation.dtypes import DType

NUMBERS: tuple[DType, ...] = ("int32", "int64", "float32", "float64", "bool")
NUMERIC = ("Float32", "Float64", "Int32", "Int64", "Bool", "UnixTimestamp")
TAKES: dict[type, tuple[DType, ...]] = {
    **dict.fromkeys((Number, Plain, Context, Against, Distance), NUMBERS),
    **dict.fromkeys((Age, Since, Hour, Weekday, Holiday), ("timestamp", *NUMBERS)),
}


def check_fit(features: FeatureSet, tables: Mapping[str, Table], decisions: str) -> None:
    """Raises DefinitionError for a table or column that features name and that is not there, and how to mend it.

    decisions  the table whose rows are decided: its columns are what a request gives
    """
    for source in sources(features, tables):
        _check_events(features, source, tables)
    for lookup in features.lookups:
        _check_lookup(lookup, tables[lookup.table])
    for view in features.profile_views:
        _check_profile(features, view, tables)
    if decisions not in tables:
        raise DefinitionError(f"features {features.name}: table of decisions {unknown(decisions, tables)}")
    kinds = {f"{view.name}.{name}": kind for view in features.profile_views for name, (kind, _) in view.fields.items()}
    for feature in features.features:
        _check_stored(feature, kinds)
        _check_given(features, feature, tables[decisions])


def _check_events(features: FeatureSet, source: EventSource, tables: Mapping[str, Table]) -> None:
    elsewhere = [column.name for table in tables.values() for column in table.columns]
    for signal in source.signals:
        for word, sql in (("where", signal.where), ("weight", signal.weight)):
            _check_sql(f"signal {signal.name}: `{word}` over {source.table.name}", sql, source.columns, elsewhere)
    if features.influence and any(signal.name in features.capped_signals for signal in source.signals):
        where = f"features {features.name}: trust over {source.table.name}"
        _check_sql(where, features.influence.trust, source.columns, elsewhere)


def _check_lookup(lookup: Lookup, table: Table) -> None:
    where, names = f"lookup on {table.name}", [column.name for column in table.columns]
    if lookup.on not in names:
        raise DefinitionError(f"{where}: {unknown(lookup.on, names)}")
    changing = [column.name for column in table.columns if column.changes]
    for name, sql in lookup.columns.items():
        _check_sql(f"{where}: {name}", sql, names)
        for column in words(sql, changing):
            raise DefinitionError(
                f"{where}: `{name}` borrows `{column}`, which changes, and a lookup keeps the first description for "
                f"good. Take `{name}` out of the lookup. To read it as it is at the moment, make it a field of a "
                f"ProfileView over {table.name}; to count by it, log it as a column of the events themselves."
            )


def _check_profile(features: FeatureSet, view: ProfileView, tables: Mapping[str, Table]) -> None:
    where = f"profile view {view.name}"
    if view.table not in tables:
        raise DefinitionError(f"{where}: table {unknown(view.table, tables)}")
    names = [column.name for column in tables[view.table].columns]
    for key in view.keys:
        if key not in names:
            raise DefinitionError(f"{where}: key {unknown(key, names)}")
    for name, (kind, sql) in view.fields.items():
        spark_type(kind)
        _check_sql(f"{where}: {name}", sql, names)


def _check_sql(where: str, sql: str, columns: Sequence[str], elsewhere: Iterable[str] = ()) -> None:
    word = mistaken(sql, columns, elsewhere)
    if word is not None:
        raise DefinitionError(f"{where}: {unknown(word, columns)}")


def _check_stored(feature: Feature, kinds: Mapping[str, str]) -> None:
    for name in feature.reads():
        if type(feature) in TAKES and kinds.get(name, NUMERIC[0]) not in NUMERIC:
            asked = f"{type(feature).__name__} is made from a number or a moment, and `{name}` is {kinds[name]}"
            raise DefinitionError(f"feature {feature.name}: {asked}. Write its field as {' or '.join(NUMERIC)}.")


def _check_given(features: FeatureSet, feature: Feature, decisions: Table) -> None:
    """What a request gives is logged as a column of the decisions; training learns from there."""
    where, names = f"feature {feature.name}", [column.name for column in decisions.columns]
    if isinstance(feature, Recent):
        _check_recent(feature, decisions)
        return
    for name in feature.given():
        if name not in names:
            stored = [f"{v.name}.{f}" for v in features.profile_views for f in v.fields if f == name]
            stored += [f"{v.name}.{c}" for v in features.counter_views for c in v.counters if c == name]
            hint = f"It is stored as `{stored[0]}`: write that." if stored else unknown(name, names).partition(". ")[2]
            raise DefinitionError(f"{where}: `{name}` is no column of {decisions.name}, so no request gives it. {hint}")
        dtype, takes = decisions.column(name).dtype, TAKES.get(type(feature))
        if takes and dtype not in takes:
            kind = type(feature).__name__
            raise DefinitionError(f"{where}: {kind} is made from {' or '.join(takes)}, and `{name}` is {dtype}.")


def _check_recent(feature: Recent, decisions: Table) -> None:
    where, names = f"feature {feature.name}", [column.name for column in decisions.columns]
    if feature.of != decisions.name:
        raise DefinitionError(
            f"{where}: Recent counts rows of {decisions.name}, which the service notes as it decides, and not of "
            f"`{feature.of}`. Count that table in a CounterView; with a half-life of 1m it is nearly the same."
        )
    if feature.name in names:
        raise DefinitionError(f"{where} has the name of a column of {decisions.name}. Name one of them otherwise.")
    for name in filter(None, (feature.by, feature.amount)):
        if name not in names:
            raise DefinitionError(f"{where}: {unknown(name, names)}")
    if feature.amount and decisions.column(feature.amount).dtype not in NUMBERS:
        raise DefinitionError(f"{where}: `{feature.amount}` is no number that could be added up.")
