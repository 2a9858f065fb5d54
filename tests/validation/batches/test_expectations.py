"""Suites made from definitions: each rule has its expectation, and a suite that cannot be evaluated is no pass."""

from dataclasses import replace

import pyarrow as pa
import pytest
from parcels import ARRIVAL, PARCELS, delivered, parcel

from infra.errors import DefinitionError
from validation.batches.expectations import limits_suite_of, suite_of, validate
from validation.contract import Rule
from validation.systems.home_feed import TABLES


def rules(suite):
    return [expectation.meta["rule"] for expectation in suite.expectations]


def test_a_suite_says_everything_the_definition_says():
    assert rules(suite_of(PARCELS)) == [
        "parcel.known", "parcel.length", "door.known", "door.length", "state.known", "state.one_of", "weight.range",
        "paid.known", "paid.range", "handed_at.known", "handed_at.clock", "known_at.known", "known_at.clock",
        "known_after_handed", "light_is_cheap",
    ]  # fmt: skip
    assert rules(limits_suite_of(PARCELS, ARRIVAL)) == [
        "volume", "max_quarantined", "max_duplicate", "weight.max_null", "labels.max_null", "fresh_within",
    ]  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_feeds_own_suites_can_be_evaluated(table):
    blank = pa.table({c.name: pa.nulls(1, table.schema.field(c.name).type) for c in table.columns})
    checked = validate(table, blank)
    assert not checked.passed
    assert {check.rule for check in checked.failed} >= {f"{c.name}.known" for c in table.columns if not c.nullable}


def test_row_rules_refuse_and_batch_limits_are_critical():
    assert {e.severity for e in suite_of(PARCELS).expectations} == {"warning"}
    assert {e.severity for e in limits_suite_of(PARCELS, ARRIVAL).expectations if e.meta["level"] == "batch"} == {
        "critical"
    }


def test_rows_in_order_pass_and_the_table_says_so():
    checked = validate(PARCELS, delivered([parcel(i) for i in range(3)]).rows)
    assert checked.passed
    assert checked.table_md() == "All 15 expectations hold for 3 rows."


def test_one_run_does_not_remember_the_one_before():
    assert not validate(PARCELS, delivered([parcel(1, paid=-1)]).rows).passed
    assert validate(PARCELS, delivered([parcel(1)]).rows).passed


@pytest.mark.parametrize("holds", ["height > 3", "weight >", "weight + paid", "state.nothing()", "1 == 1"])
def test_a_rule_that_cannot_be_evaluated_is_an_error_and_not_a_pass(holds):
    table = replace(PARCELS, rules=(Rule("odd", holds, "why"),))
    with pytest.raises(DefinitionError, match="rule odd"):
        validate(table, delivered([parcel(1)]).rows)


def test_an_expectation_that_raises_is_an_error_and_not_a_pass(monkeypatch):
    monkeypatch.setattr(
        "validation.batches.expectations._plain", lambda column: pa.chunked_array([[{"a": 1}] * len(column)])
    )
    with pytest.raises(DefinitionError, match="cannot be evaluated"):
        validate(PARCELS, delivered([parcel(1)]).rows)
