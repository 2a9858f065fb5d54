"""However many rows break a rule: each is kept with its own value in the reason, and the others are taken."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from parcels import ARRIVAL, PARCELS, delivered, parcel

from infra.errors import DefinitionError
from validation.batches import triage as sorting
from validation.batches.expectations import EVERY_ROW, suite_of, validate
from validation.batches.triage import sort_out

BREAKS = {
    "parcel.known": lambda i: {"parcel": None},
    "parcel.length": lambda i: {"parcel": f"{i}" * 300},
    "door.known": lambda i: {"door": None},
    "door.length": lambda i: {"door": f"{i}" * 300},
    "state.known": lambda i: {"state": None},
    "state.one_of": lambda i: {"state": f"lost{i}"},
    "weight.range": lambda i: {"weight": 31 + i},
    "paid.known": lambda i: {"paid": None},
    "paid.range": lambda i: {"paid": -1 - i},
    "handed_at.known": lambda i: {"handed_at": None},
    "handed_at.clock": lambda i: {"handed_at": f"19{i % 100:02}-01-01T00:00:00Z"},
    "known_at.clock": lambda i: {"known_at": (ARRIVAL + timedelta(days=1, seconds=i)).isoformat()},
    "known_after_handed": lambda i: {"known_at": "2026-05-03T11:00:00Z"},
    "light_is_cheap": lambda i: {"weight": 0.5, "paid": 11 + i},
    "typed": lambda i: {"weight": f"heavy{i}"},
    "known_columns": lambda i: {f"colour{i}": 1},
    "readable": lambda i: f'{{"parcel": {i}'.encode(),
}
SHOWN = {
    "state.one_of": "it is 'lost{}'", "paid.range": "it is -{}.0", "weight.range": "it is {}.0",
    "typed": "'heavy{}'", "known_columns": "`colour{}`",
}  # fmt: skip
SHIFT = {"paid.range": 1, "weight.range": 31}


def rows_of(broken, good):
    """Rows in a mixed order, and the rule that each breaks."""
    rows = [(rule, i) for rule, n in broken.items() for i in range(n)] + [("", i) for i in range(good)]
    order = np.random.default_rng(1).permutation(len(rows))
    return [rows[place] for place in order]


def row_of(rule, number, i):
    changed = BREAKS[rule](i) if rule else {}
    return changed if isinstance(changed, bytes) else parcel(number, **changed)


@effort(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(broken=st.fixed_dictionaries({rule: st.integers(0, 250) for rule in BREAKS}), good=st.integers(0, 400))
@example(broken=dict.fromkeys(BREAKS, 200), good=1)
@example(broken=dict.fromkeys(BREAKS, 201), good=0)
@example(broken=dict.fromkeys(BREAKS, 0), good=1)
def test_n_of_m_rows_that_break_a_rule_are_kept_and_the_others_taken(broken, good):
    broken_rows = rows_of(broken, good)
    parcels = [row_of(rule, number, i) for number, (rule, i) in enumerate(broken_rows)]
    result = sort_out(PARCELS, delivered(parcels), ARRIVAL, lambda rows: np.zeros(rows.num_rows, dtype=bool))
    assert {row: {rule for rule, _ in faults} >= {broken_rows[row][0]} for row, faults in result.broken.items()} == {
        row: True for row, (rule, _) in enumerate(broken_rows) if rule
    }
    assert (len(result.accepted), result.duplicate) == (good, 0)
    rules_by_row = Counter(rule for faults in result.broken.values() for rule in {fault.rule for fault in faults})
    assert result.broken.counts() == rules_by_row
    counts = {check.rule: check.broken for check in result.checks if check.level == "row"}
    assert all(counts.get(rule, 0) >= n for rule, n in broken.items())
    for row, (rule, i) in enumerate(broken_rows):
        if rule in SHOWN:
            assert any(SHOWN[rule].format(i + SHIFT.get(rule, 0)) in reason for _, reason in result.broken[row])


def test_every_rule_of_the_suite_is_among_those_tried():
    rules = {expectation.meta["rule"] for expectation in suite_of(PARCELS).expectations}
    assert rules - set(BREAKS) == {"known_at.known"}  # a row without it counts as received now


def test_rows_are_judged_alike_however_many_are_looked_at_together(monkeypatch):
    broken_rows = rows_of(dict.fromkeys(BREAKS, 5) | {"": 20}, 0)
    # some come twice
    rows = delivered([row_of(rule, number // 2 * 2, i) for number, (rule, i) in enumerate(broken_rows)])
    nobody = lambda some: np.zeros(some.num_rows, dtype=bool)  # noqa: E731
    at_once = sort_out(PARCELS, rows, ARRIVAL, nobody)
    monkeypatch.setattr(sorting, "AT_ONCE", 17)
    in_parts = sort_out(PARCELS, rows, ARRIVAL, nobody)
    assert dict(in_parts.broken) == dict(at_once.broken)
    assert in_parts.accepted.table().equals(at_once.accepted.table())
    assert in_parts.duplicate == at_once.duplicate
    counts, expected = ({(c.rule, c.broken, c.passed) for c in each.checks} for each in (in_parts, at_once))
    assert counts == expected


def test_a_library_that_names_fewer_rows_than_it_counts_is_an_error_and_no_pass(monkeypatch):
    monkeypatch.setattr("validation.batches.expectations.EVERY_ROW", EVERY_ROW | {"result_format": "SUMMARY"})
    rows = delivered([parcel(i, paid=-1) for i in range(300)]).rows
    with pytest.raises(DefinitionError, match="300 rows break it"):
        validate(PARCELS, rows)
