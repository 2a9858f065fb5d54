"""Table → Great Expectations suites, and their results → which rows to refuse and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import DefinitionError
from infra.temporary_files import temporary_files
from validation.batches import import_without_extras
from validation.batches.checks import Check, Checked
from validation.contract import EARLIEST, LATEST, Column, Rule, Table
from validation.definition import CLOCKS_DIFFER
from validation.files import printable

ROWS, QUARANTINED, REPEATED = "rows delivered", "rows quarantined", "rows repeated"
"""Columns of the line about a batch; no table has columns with a space in their name."""
EVERY_ROW = {"result_format": "COMPLETE", "return_unexpected_index_query": False, "exclude_unexpected_values": True}
"""The numbers of all rows that break a rule. Their values are taken from the rows: the list of values is cut at 200."""


def suite_of(table: Table, arrival: datetime | None = None) -> Any:
    """The suite of a table's row rules: a row that fails one is quarantined.

    arrival  when the rows reached us; nothing may claim to have been received later
    """
    expectations = [e for column in table.columns for e in _of_column(table, column, arrival)]
    return _suite(table.name, expectations + [_of_rule(rule) for rule in table.rules])


def limits_suite_of(table: Table, newest_receipt: datetime | None = None, empty: bool = False) -> Any:
    """The suite of a table's limits, run on the line that `of_batch` makes: one failure refuses the batch."""
    limits, gxe = table.limits, _gxe()
    rows = f"{limits.min_rows:,} to {limits.max_rows:,} rows"
    volume = _most(ROWS, "volume", rows, min_value=limits.min_rows, max_value=limits.max_rows)
    if empty:
        return _suite(f"{table.name} limits", [volume])
    expectations = [volume, _share(QUARANTINED, "max_quarantined", limits.max_quarantined_of_batch, "rows quarantined")]
    expectations += [_share(REPEATED, "max_duplicate", limits.max_duplicate, "rows repeated inside the batch")]
    expectations += [each for column in table.columns if column.nullable for each in _nulls(table, column)]
    if newest_receipt is not None:
        asked = f"newest `{table.event_time}` within {limits.fresh_within} of the newest receipt, {newest_receipt}"
        oldest = pd.Timestamp(newest_receipt - limits.fresh_within)
        expectations.append(
            _batch(gxe.ExpectColumnMaxToBeBetween, "fresh_within", asked, column=table.event_time, min_value=oldest)
        )
    return _suite(f"{table.name} limits", expectations)


def of_batch(
    rows: int, quarantined: int, repeated: int, nulls: Mapping[str, int], newest: tuple[str, datetime | None]
) -> pd.DataFrame:
    """The line that a table's limits are checked on: number of rows, shares of them, and the newest event time."""
    shares = {QUARANTINED: quarantined, REPEATED: repeated, **nulls}
    cells: dict[str, Any] = {ROWS: rows, **{name: count / max(rows, 1) for name, count in shares.items()}}
    moment = pd.Series([newest[1]], dtype="datetime64[us, UTC]")
    return pd.DataFrame({name: [value] for name, value in cells.items()} | {newest[0]: moment})


def validate(table: Table, rows: pa.Table, arrival: datetime | None = None) -> Checked:
    """Check typed rows against the table's row rules."""
    if rows.num_rows == 0:
        return Checked(0)
    frame, suite = frame_of(table, rows), suite_of(table, arrival)
    results = _run(suite, frame, {"result_format": "BOOLEAN_ONLY"})
    failed = [result.expectation_config.to_domain_obj() for result in results if not result.success]
    # rows are listed only where some failed: listing costs as much again as checking
    detailed = _run(_suite(suite.name, failed), frame, EVERY_ROW) if failed else []
    broken: dict[int, list[tuple[str, str]]] = {}
    checks = [_check(result) for result in results if result.success]
    for result in detailed:
        meta, places = result.expectation_config.meta, _places(result)
        values = frame[result.expectation_config.kwargs["column"]].iloc[places]
        checks.append(_check(result, examples=[_seen(value) for value in values[:1]]))
        for row, value in zip(places, values, strict=True):
            broken.setdefault(row, []).append((meta["rule"], _reason(meta, value)))
    return Checked(rows.num_rows, tuple(checks), {row: tuple(reasons) for row, reasons in broken.items()})


def _places(result: Any) -> list[int]:
    """The numbers of all rows that break a rule; raises DefinitionError when the library lists fewer."""
    places, count = list(result.result.get("unexpected_index_list", ())), int(result.result["unexpected_count"])
    if len(set(places)) != count:
        rule = result.expectation_config.meta["rule"]
        raise DefinitionError(f"{rule}: {count:,} rows break it, and Great Expectations names {len(set(places)):,}")
    return places


def validate_batch(table: Table, line: pd.DataFrame, newest_receipt: datetime | None) -> tuple[Check, ...]:
    """Check a whole batch against the table's limits, by the line of `of_batch`."""
    suite = limits_suite_of(table, newest_receipt, empty=line[ROWS].sum() == 0)
    return tuple(_check(result) for result in _run(suite, line, {"result_format": "BASIC"}))


def frame_of(table: Table, rows: pa.Table) -> pd.DataFrame:
    """What the suite of row rules is run on: the columns (lists as their lengths), and one column for each rule."""
    columns = {c.name: _plain(rows[c.name]).to_pandas() for c in table.columns}
    if not table.rules:
        return pd.DataFrame(columns)
    typed = rows.to_pandas(types_mapper=pd.ArrowDtype)  # Arrow types know null from false
    return pd.DataFrame(columns | {_column_of(rule): _holds(table, rule, typed) for rule in table.rules})


def _holds(table: Table, rule: Rule, rows: pd.DataFrame) -> pd.Series:
    try:
        holds = rows.eval(rule.holds, engine="python")
    except (pd.errors.UndefinedVariableError, SyntaxError, TypeError, ValueError, AttributeError) as error:
        raise DefinitionError(
            f"table {table.name}, rule {rule.name}: `{rule.holds}` cannot be evaluated: {error}"
        ) from error
    if not isinstance(holds, pd.Series) or not pd.api.types.is_bool_dtype(holds):
        raise DefinitionError(f"table {table.name}, rule {rule.name}: `{rule.holds}` is not true or false for each row")
    return holds.astype("boolean").fillna(True).astype(bool)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.list_value_length(column) if pa.types.is_list(column.type) else column


def _column_of(rule: Rule) -> str:
    return f"rule {rule.name}"


def _of_column(table: Table, column: Column, arrival: datetime | None) -> list[Any]:
    gxe, name, expected = _gxe(), column.name, []
    if not column.nullable:
        asked = f"`{name}` is there"
        expected.append(_row(gxe.ExpectColumnValuesToNotBeNull, f"{name}.known", asked, column=name))
    if column.one_of:
        words, kind = list(column.one_of), gxe.ExpectColumnValuesToBeInSet
        asked = f"`{name}` is one of {', '.join(words)}"
        expected.append(_row(kind, f"{name}.one_of", asked, column=name, value_set=words))
    if column.low is not None or column.high is not None:
        asked = f"`{name}` is from {_end(column.low)} to {_end(column.high)}{' ' + column.unit if column.unit else ''}"
        expected.append(_row(gxe.ExpectColumnValuesToBeBetween, f"{name}.range", asked, column=name,
                             min_value=column.low, max_value=column.high))  # fmt: skip
    if column.dtype == "timestamp":
        latest = arrival + CLOCKS_DIFFER if arrival and name == table.received_time else LATEST
        asked = f"`{name}` is from {EARLIEST:%Y-%m-%d} to {latest:%Y-%m-%d %H:%M}: anything else is a wrong clock"
        expected.append(_row(gxe.ExpectColumnValuesToBeBetween, f"{name}.clock", asked, column=name,
                             min_value=pd.Timestamp(EARLIEST), max_value=pd.Timestamp(latest)))  # fmt: skip
    if column.dtype == "string" and not column.one_of:
        asked, kind = f"`{name}` has 1 to {column.longest} characters", gxe.ExpectColumnValueLengthsToBeBetween
        expected.append(_row(kind, f"{name}.length", asked, column=name, min_value=1, max_value=column.longest))
    return expected


def _of_rule(rule: Rule) -> Any:
    asked, kind = f"`{rule.holds}`: {rule.why}", _gxe().ExpectColumnValuesToBeInSet
    return _row(kind, rule.name, asked, shows_value=False, column=_column_of(rule), value_set=[True])


def _share(column: str, rule: str, limit: float, of: str) -> Any:
    return _most(column, rule, f"at most {limit:.1%} of {of}", of="share", max_value=limit)


def _nulls(table: Table, column: Column) -> list[Any]:
    """The expectations on a column's share of nulls: one that refuses the batch, and one that only warns."""
    refused_above, warned_above = table.max_null(column), column.warn_null
    refuses = [_known(column.name, refused_above, "max_null", "batch")] if refused_above < 1 else []
    return refuses + ([_known(column.name, warned_above, "warn_null", "warning")] if warned_above is not None else [])


def _known(name: str, limit: float, rule: str, level: str) -> Any:
    asked = f"at most {limit:.1%} of `{name}` null"
    return _most(name, f"{name}.{rule}", asked, of="share", level=level, max_value=limit)


def _most(column: str, rule: str, asked: str, of: str = "", level: str = "batch", **ends: object) -> Any:
    return _batch(_gxe().ExpectColumnMaxToBeBetween, rule, asked, of, level, column=column, **ends)


def _row(kind: Any, rule: str, asked: str, shows_value: bool = True, **arguments: object) -> Any:
    meta = {"rule": rule, "asked": asked, "shows_value": shows_value, "level": "row"}
    return kind(severity="warning", meta=meta, **arguments)


def _batch(kind: Any, rule: str, asked: str, of: str = "", level: str = "batch", **arguments: object) -> Any:
    severity = "critical" if level == "batch" else "warning"
    return kind(severity=severity, meta={"rule": rule, "asked": asked, "level": level, "of": of}, **arguments)


def _end(value: float | None) -> str:
    return "any" if value is None else f"{value:,g}"


def _reason(meta: Mapping[str, Any], value: Any) -> str:
    if not meta["shows_value"]:
        return f"breaks {meta['asked']}"
    shown = "null" if pd.isna(value) else repr(value) if isinstance(value, str) else str(value)
    return f"{meta['asked']}; it is {shown[:80]}"


def _check(result: Any, examples: Sequence[str] = ()) -> Check:
    meta, figures = result.expectation_config.meta, result.result
    measured = ", ".join(examples)
    if "observed_value" in figures:
        measured = _seen(figures["observed_value"], meta.get("of", ""))
    broken = int(figures.get("unexpected_count", 0))
    return Check(meta["rule"], meta["level"], meta["asked"], bool(result.success), broken, printable(measured))


def _seen(value: Any, of: str = "") -> str:
    if of:
        return f"{value:.1%}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _run(suite: Any, frame: pd.DataFrame, detail: Mapping[str, object]) -> Sequence[Any]:
    outcome = _definition().get_batch({"dataframe": frame}).validate(suite, result_format=dict(detail))
    for result in outcome.results:
        info = result.exception_info  # of the expectation, or one entry for each metric behind it
        errors = [each for each in (info, *info.values()) if isinstance(each, dict) and each.get("raised_exception")]
        if errors:  # neither passed nor failed: the suite itself is wrong
            rule, message = result.expectation_config.meta["rule"], errors[0].get("exception_message")
            raise DefinitionError(f"suite {suite.name}: {rule} cannot be evaluated: {message}")
    return list(outcome.results)


def _suite(name: str, expectations: Sequence[Any]) -> Any:
    import great_expectations as gx

    return gx.ExpectationSuite(name=name, expectations=list(expectations))


def _gxe() -> Any:
    _definition()
    import great_expectations.expectations as gxe

    return gxe


@cache
def _definition() -> Any:
    """The batch definition of this process's one ephemeral context: it makes batches of data frames."""
    import_without_extras.load()
    import great_expectations as gx

    with temporary_files("Great Expectations keeps a folder there while it checks rows."):
        context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return (
        context.data_sources.add_pandas("delivered")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
    )
