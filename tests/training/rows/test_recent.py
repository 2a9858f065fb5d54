"""The last seconds before each decision, from the log in the lake: late rows, repeats, the seconds before the span."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_repo.assembly import assemble
from feature_repo.definition import FeatureSet
from feature_repo.from_frame import inputs_from_frame
from feature_repo.request_time import Recent
from infra.lake import Lake
from training.rows import lineage
from training.rows.recent import with_recent
from validation.contract import Column, Table

MIDNIGHT = datetime(2026, 5, 4, tzinfo=UTC)
LATER = MIDNIGHT + timedelta(days=2)
PAYMENTS = Table("payments", "a payment", "tests", ("payment",), "at", "got", (
    Column("payment", "string", "id"), Column("card", "string", "card", nullable=True),
    Column("amount", "float64", "euros", nullable=True), Column("at", "timestamp", "when"),
    Column("got", "timestamp", "received"),
))  # fmt: skip
FEATURES = FeatureSet("bank", 1, "tests", {}, (), (), (), (), (
    Recent("paid_60s", "payments", "card", 60), Recent("paid_10s", "payments", "card", 10),
    Recent("spent_60s", "payments", "card", 60, amount="amount"),
))  # fmt: skip


def paid(name: str, seconds: float, card: str | None = "c", amount: float | None = 0.1, late: float = 0) -> Any:
    """A payment so many seconds after midnight, received so much later."""
    at = MIDNIGHT + timedelta(seconds=seconds)
    return {"payment": name, "card": card, "amount": amount, "at": at, "got": at + timedelta(seconds=late)}


def counted(root: Path, rows: list[Any], asked: list[Any], as_of: datetime = LATER) -> pd.DataFrame:
    """The features of these rows, from a log of all of them."""
    lake = Lake(root)
    for day in {row["got"].date() for row in rows}:
        of_day = [row for row in rows if row["got"].date() == day]
        lake.append("tables/payments", day, pa.Table.from_pylist(of_day, PAYMENTS.schema))
    moments = pd.to_datetime([row["at"] for row in asked], utc=True)
    labels = pd.DataFrame({"payment": [row["payment"] for row in asked], "event_timestamp": moments})
    return with_recent(labels, lake, FEATURES, PAYMENTS, as_of)


def test_each_payment_sees_those_decided_before_it(tmp_path: Path) -> None:
    rows = [
        paid("before midnight", -30), paid("x", 0), paid("b", 5), paid("a", 5), paid("other", 5, "d"),
        paid("nobody", 5, None), paid("late", 20, late=90_000), paid("y", 29, amount=None), paid("z", 31),
        paid("after", 32),
    ]  # fmt: skip
    rows.append({**rows[2], "got": rows[2]["got"] + timedelta(hours=1)})  # b was sent again
    found = counted(tmp_path, rows, rows[1:9]).set_index("payment")
    assert found["paid_60s"].dropna().to_dict() == {"x": 1, "a": 2, "b": 3, "other": 0, "late": 4, "y": 5, "z": 5}
    assert found["paid_10s"].dropna().to_dict() == {"x": 0, "a": 1, "b": 2, "other": 0, "late": 0, "y": 1, "z": 1}
    assert found["spent_60s"]["z"] == 0.4, "whole units do not drift: y has no amount, the first is too old"
    assert np.isnan(found["paid_60s"]["nobody"])


def test_the_counts_are_model_input_known_since_the_decision(tmp_path: Path) -> None:
    rows = [paid("a", 0), paid("b", 1), paid("nobody", 2, None)]
    found = counted(tmp_path, rows, rows)
    matrix = assemble(FEATURES.features, inputs_from_frame(found, FEATURES, "event_timestamp"))
    np.testing.assert_array_equal(matrix[:, 0], [0, 1, np.nan])
    first, *_ = lineage.measured(found, FEATURES)
    assert (first.source, first.known_after_s) == ("the log of what was shown", 0.0)


def test_what_was_not_received_by_then_does_not_count(tmp_path: Path) -> None:
    rows = [paid("late", 0, late=90_000), paid("a", 1)]
    as_of = MIDNIGHT + timedelta(hours=12)
    assert counted(tmp_path / "then", rows, rows[1:], as_of)["paid_60s"].tolist() == [0]
    assert counted(tmp_path / "now", rows, rows[1:])["paid_60s"].tolist() == [1]


@pytest.mark.parametrize("versions", [1, 2])
def test_every_version_of_a_label_has_the_same_counts(tmp_path: Path, versions: int) -> None:
    rows = [paid("a", 0), paid("b", 1)]
    assert counted(tmp_path, rows, [*rows[1:]] * versions)["paid_60s"].tolist() == [1] * versions
