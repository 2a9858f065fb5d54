"""A system whose labels come from several tables: what depends on them, and what is refused before anything runs."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from infra.errors import DefinitionError
from infra.settings import Settings
from orchestration.ages import Ages
from orchestration.assets import training
from orchestration.stale_days import learned_from
from orchestration.system import Installation, System
from tests.orchestration.fraud import FRAUD, START, TIMES
from training.definition import Settlement
from validation.contract import Column, Table

COLUMNS = (
    Column("review", "string", "id"), Column("payment", "string", "the payment"), Column("verdict", "string", "says"),
)  # fmt: skip
REVIEWS = Table("reviews", "one verdict", "risk team", ("review",), "happened", "known", (*COLUMNS, *TIMES))


def settled_by(table: str, window: timedelta = timedelta(days=30)) -> System:
    """The second system of the tests, with verdicts."""
    outcome = replace(FRAUD.task.outcomes[0], window=window, settled_by=Settlement(table, "verdict = 'fraud'"))
    return replace(FRAUD, tables=(*FRAUD.tables, REVIEWS), task=replace(FRAUD.task, outcomes=(outcome,)))


def test_labels_depend_on_every_table_that_says_something_of_them(tmp_path: Path) -> None:
    installation = Installation(settled_by("reviews"), Settings(home=tmp_path))
    labels = training.assets(installation, dg.DailyPartitionsDefinition(START))[0]
    assert {"payments", "disputes", "reviews"} <= {key.path[-1] for key in labels.dependency_keys}
    before = learned_from(installation)
    installation.lake.append("tables/reviews", START.date(), pa.Table.from_pylist([], schema=REVIEWS.schema))
    assert learned_from(installation) != before, "a verdict that comes late makes the training set stale"


def test_a_verdict_of_no_table_is_refused_when_the_system_is_put_together() -> None:
    with pytest.raises(DefinitionError, match=r"settled by: table `review` is not defined\. Did you mean `reviews`"):
        settled_by("review")


def test_a_history_that_an_installation_makes_too_short_is_refused_unless_labels_come_early() -> None:
    system = settled_by("reviews")
    Ages().check(system.features, system.task, history_days=7)
    waiting = replace(system.task, outcomes=(replace(system.task.outcomes[0], settled_by=None),), history_days=60)
    with pytest.raises(DefinitionError, match=r"learns from 7 days, .* only after 30 days.* history_days 31 or more"):
        Ages().check(system.features, waiting, history_days=7)
