"""The columns of tables that a feature is made from, followed through profiles, counters and what events borrow."""

import re
from collections.abc import Iterable, Iterator

from feature_repo.definition import FeatureSet, Lookup
from feature_repo.request_time import Feature
from infra.errors import DefinitionError
from validation.contract import unknown

QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
WORD, EVERYTHING = re.compile(r"\w+"), re.compile(r"[(,]\s*\*")

Read = tuple[str, str]
"""A column, as `table.column`, and what it is read through."""


def check_never_read(features: FeatureSet, columns: Iterable[str], embedded: Iterable[str] = ()) -> None:
    """Raises DefinitionError where a feature, or an embedding, is made from a column of `never_read`.

    columns   every `table.column` there is
    embedded  the `view.field` and `view.counter` names that embeddings are made from
    """
    for column in features.never_read:
        if column not in columns:
            raise DefinitionError(f"features {features.name}: never_read {unknown(column, columns)}")
    for feature in features.features:
        _refuse(f"feature {feature.name}", read_by(features, feature), features)
    for name in embedded:
        _refuse("the embedding", _stored(features, name), features)


def read_by(features: FeatureSet, feature: Feature) -> Iterator[Read]:
    """The columns that a feature is made from; what a request says is taken for any column of that name."""
    named = (column for column in features.never_read if column.partition(".")[2] in feature.given())
    yield from ((column, "the request") for column in named)
    for name in feature.reads():
        yield from _stored(features, name)


def words(sql: str, columns: Iterable[str]) -> list[str]:
    """Those of some columns that Spark SQL may read: it names them, in any case, or reads everything there is."""
    text = QUOTED.sub(" ", sql)
    if EVERYTHING.search(text):
        return list(columns)
    named = {word.lower() for word in WORD.findall(text)}
    return [column for column in columns if column.lower() in named]


def _refuse(who: str, reads: Iterable[Read], features: FeatureSet) -> None:
    for column, through in reads:
        if column in features.never_read:
            raise DefinitionError(
                f"{who} reads `{column}` (through {through}), which no feature may read. "
                f"Define it without that column, or take the column out of `never_read` of {features.name}."
            )


def _stored(features: FeatureSet, name: str) -> Iterator[Read]:
    """The columns behind a `view.field` or a `view.counter`."""
    view_name, _, column = name.partition(".")
    for profile in (view for view in features.profile_views if view.name == view_name):
        yield from _columns(features, profile.table, (profile.fields[column][1], *profile.keys), name)
    for counters in (view for view in features.counter_views if view.name == view_name):
        of_counter = dict(
            zip(counters.counters, (s for s, labels in counters.counts.items() for _ in labels), strict=True)
        )
        signal = features.signal(of_counter[column])
        trust = (
            (features.influence.who, features.influence.what, features.influence.trust) if features.influence else ()
        )
        code = (signal.where, signal.weight, *counters.keys, *(trust if counters.capped else ()))
        yield from _columns(features, signal.table, code, name)
        for lookup in features.lookups:
            yield from _borrowed(features, lookup, code, name)


def _borrowed(features: FeatureSet, lookup: Lookup, code: Iterable[str], name: str) -> Iterator[Read]:
    """The columns behind what an event's SQL reads of a description."""
    for sql in code:
        for borrowed in words(sql, lookup.columns):
            yield from _columns(
                features, lookup.table, (lookup.columns[borrowed],), f"{name}, which borrows {borrowed}"
            )


def _columns(features: FeatureSet, table: str, code: Iterable[str], through: str) -> Iterator[Read]:
    """Those of the table's forbidden columns that the SQL reads."""
    of_table = [column.partition(".")[2] for column in features.never_read if column.partition(".")[0] == table]
    for sql in code:
        yield from ((f"{table}.{column}", through) for column in words(sql, of_table))
