"""Whether the rules of a trial name tables and columns that are there."""

from collections.abc import Iterator, Mapping

from infra.errors import DefinitionError
from monitoring.trial.rules import TrialRules
from validation.contract import Table, unknown


def check_rules(rules: TrialRules, log: Table, tables: Mapping[str, Table]) -> None:
    """Raise DefinitionError where they do not; `log` is the table of decisions."""
    looked_up = {each.column for each in rules.looked_up}
    for table, column in dict.fromkeys(_named(rules, log.name)):
        if table not in tables:
            raise DefinitionError(f"trial: table {unknown(table, sorted(tables))}")
        known = {each.name for each in tables[table].columns} | (looked_up if table == log.name else set())
        if column not in known:
            raise DefinitionError(f"trial: column of {table} {unknown(column, sorted(known))}")


def _named(rules: TrialRules, log: str) -> Iterator[tuple[str, str]]:
    """Every column that the rules name, after its table."""
    yield from ((log, name) for name in (rules.asker, rules.variant, *rules.match))
    for each in rules.looked_up:
        yield from ((each.table, each.column), (each.table, each.by), (log, each.by))
    for measure, by in rules.measures:
        yield from [(log, by)] if by else []
        for tally in (measure.above, measure.below):
            yield from ((log, condition.column) for condition in tally.where)
            yield from [(log, tally.each)] if tally.each else []
            for condition in tally.followed:
                yield from ((tally.by, name) for name in (condition.column, *rules.match))
                yield from [(log, condition.least_of)] if condition.least_of else []
