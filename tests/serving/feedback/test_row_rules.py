"""Rules asked of one row agree with what ingestion says of it, and one that cannot be asked is refused at the start."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from infra.errors import DefinitionError
from serving.feedback.row_rules import RowRules
from validation.batches.expectations import frame_of
from validation.contract import Rule
from validation.systems.home_feed import ENGAGEMENTS

ROW: dict[str, Any] = {
    "action": "watch",
    "watch_seconds": 30.0,
    "long_view": None,
    "event_time": "2026-05-03T12:00:00.000000Z",
    "received_at": "2026-05-03T12:00:01.000000Z",
}
TYPES = {"string": pa.string(), "float32": pa.float32(), "bool": pa.bool_(), "timestamp": pa.timestamp("us", "UTC")}
MOMENTS = {name: datetime.fromisoformat(ROW[name]) for name in ("event_time", "received_at")}
TYPED = pa.Table.from_pylist(
    [ROW | MOMENTS], pa.schema([(column.name, TYPES[column.dtype]) for column in ENGAGEMENTS.columns])
)
CASES = [
    ("watch_seconds <= 30", True),
    ("watch_seconds < 30", False),
    ("4 * watch_seconds + 1 > 120", True),
    ("100 - watch_seconds == 70", True),
    ("(action == 'watch') & (watch_seconds > 60)", False),
    ("(action != 'watch') | watch_seconds.notnull()", True),
    ("~(action == 'watch')", False),
    ("long_view == True", True),
    ("(long_view == True) & (watch_seconds > 60)", False),
    ("(long_view == True) | (watch_seconds > 60)", True),
    ("long_view.isnull()", True),
    ("received_at >= event_time", True),
]


@pytest.mark.parametrize(("holds", "expected"), CASES, ids=[holds for holds, _ in CASES])
def test_a_rule_holds_or_not_and_null_holds(holds: str, expected: bool) -> None:
    rule = Rule("odd", holds, "why")
    table = replace(ENGAGEMENTS, rules=(rule,))
    assert RowRules(table).broken(ROW) == (None if expected else rule)
    assert frame_of(table, TYPED)["rule odd"].tolist() == [expected], "ingestion says the same"


UNKNOWN = [
    "watch_seconds > 1 and watch_seconds < 9",
    "1 < watch_seconds < 9",
    "action.str.len() > 2",
    "wach_seconds > 1",
    "watch_seconds > 1 | action == 'like'",
    "watch_seconds > action",
]


@pytest.mark.parametrize("holds", UNKNOWN)
def test_a_rule_that_cannot_be_asked_is_said_before_the_service_starts(holds: str) -> None:
    with pytest.raises(DefinitionError, match="engagements"):
        RowRules(replace(ENGAGEMENTS, rules=(Rule("odd", holds, "why"),)))


def test_the_feeds_own_rules_can_be_asked() -> None:
    rules = RowRules(ENGAGEMENTS)
    assert rules.broken(ROW) is None
    assert rules.broken({**ROW, "watch_seconds": None}).name == "watch_has_seconds"  # type: ignore[union-attr]
    assert rules.broken({**ROW, "watch_seconds": None, "action": "like"}) is None
