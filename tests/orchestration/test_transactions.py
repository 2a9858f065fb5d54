"""Other people's transactions: what is read, what is refused, and when a label is known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from infra.errors import DefinitionError
from orchestration.sources import transactions
from orchestration.sources.transactions import Columns
from orchestration.systems.fraud import FRAUD
from validation.systems.fraud import TABLES

DELAY = timedelta(days=7)
MINE = Columns(time="at", customer="who", terminal="where", amount="euro", fraud="stolen", scenario="how")


def table(**changed: object) -> pd.DataFrame:
    """Six transactions on two days; the fourth and the last are fraud."""
    columns: dict[str, object] = {
        "at": ["2026-05-01 10:00:00", "2026-05-01 11:00:00", "2026-05-01 12:00:00"] * 2,
        "who": [7, 8, 7, 7, 9, 8],
        "where": ["a", "b", "a", "b", "a", "c"],
        "euro": [10.0, 20.5, 3.0, 99.0, 5.0, 1.0],
        "stolen": [0, 0, 0, 1, 0, 1],
        "how": [0, 0, 0, 2, 0, 3],
    }
    return pd.DataFrame({**columns, **changed})


def written(folder: Path, rows: pd.DataFrame, end: str = "csv") -> Path:
    path = folder / f"mine.{end}"
    rows.to_csv(path, index=False) if end == "csv" else rows.to_parquet(path)
    return path


@pytest.mark.parametrize("end", ["csv", "parquet"])
def test_a_plain_table_becomes_files_that_fit_the_contract_and_a_fraud_is_disputed_after_its_delay(
    tmp_path: Path, end: str
) -> None:
    rows = transactions.read(written(tmp_path, table(), end), MINE)
    delivered = transactions.deliver(rows, tmp_path / "landing", DELAY)
    assert {name: each.received for name, each in delivered.rows.items()} == {
        "cards": 3, "terminals": 3, "payments": 6, "disputes": 2,
    }  # fmt: skip
    schemas = {each.name: each.schema for each in TABLES}
    for name in delivered.rows:
        assert pq.read_table(tmp_path / "landing" / name).schema.equals(schemas[name])
    payments = pq.read_table(tmp_path / "landing" / "payments")
    disputes = pq.read_table(tmp_path / "landing" / "disputes")
    joined = disputes.join(payments.select(["payment_id", "event_time", "card_id"]), "payment_id", right_suffix="_paid")
    assert set(pc.subtract(joined["received_at"], joined["event_time_paid"]).to_pylist()) == {DELAY}
    assert joined["card_id"].to_pylist() == joined["card_id_paid"].to_pylist()
    assert "how" not in payments.column_names, "the scenario is the truth: no table holds it"
    assert sorted(set(transactions.read_patterns(tmp_path / "landing").values())) == ["0", "2", "3"]


def test_days_are_cut_and_folders_are_read_whole(tmp_path: Path) -> None:
    later = table(at=["2026-05-02 10:00:00"] * 6)
    table().to_csv(tmp_path / "a.csv", index=False)
    later.to_csv(tmp_path / "b.csv", index=False)
    (tmp_path / ".hidden.csv").write_text("no table")
    assert len(transactions.read(tmp_path, MINE).time) == 12
    cut = transactions.read(tmp_path, MINE, since=datetime(2026, 5, 2, tzinfo=UTC))
    assert cut.first == datetime(2026, 5, 2, 10, tzinfo=UTC)
    with pytest.raises(DefinitionError, match="holds none between"):
        transactions.read(tmp_path, MINE, since=datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("moments", "first"),
    [
        (["2026-05-01T10:00:00+02:00"] * 6, datetime(2026, 5, 1, 8, tzinfo=UTC)),
        ([1_777_629_600] * 6, datetime(2026, 5, 1, 10, tzinfo=UTC)),
        (pd.to_datetime(["2026-05-01 10:00"] * 6), datetime(2026, 5, 1, 10, tzinfo=UTC)),
        (pd.to_datetime(["2026-05-01 10:00"] * 6).tz_localize("Europe/Berlin"), datetime(2026, 5, 1, 8, tzinfo=UTC)),
    ],
    ids=["text with a zone", "seconds", "no zone is UTC", "a zone"],
)
def test_moments_are_read_as_they_are_meant(tmp_path: Path, moments: object, first: datetime) -> None:
    assert transactions.read(written(tmp_path, table(at=moments), "parquet"), MINE).first == first


@pytest.mark.parametrize(
    "flags", [["false", "false", "false", "true", "false", "true"], [False] * 5 + [True], [0.0, 0, 0, None, 0, 1]]
)
def test_flags_are_read_as_they_are_meant(tmp_path: Path, flags: list[object]) -> None:
    rows = transactions.read(written(tmp_path, table(stolen=flags), "parquet"), MINE)
    assert rows.fraud.to_pylist()[-1] is True


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"stolen": [0] * 6}, "nothing to learn"),
        ({"stolen": ["perhaps"] * 6}, "says not whether"),
        ({"at": ["soon"] * 6}, "holds no moments"),
        ({"at": ["2026-05-01 10:00:00", None] * 3}, "3 rows have no at"),
    ],
    ids=["no fraud", "no flags", "no times", "gaps in time"],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, changed: dict[str, object], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        transactions.read(written(tmp_path, table(**changed)), MINE)


def test_a_missing_column_a_missing_file_and_a_pickle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="column `TX_DATETIME`"):
        transactions.read(written(tmp_path, table()), Columns())
    with pytest.raises(DefinitionError, match="does not exist"):
        transactions.read(tmp_path / "nowhere.csv", MINE)
    table().to_pickle(tmp_path / "rows.pkl")
    with pytest.raises(DefinitionError, match="pickle runs code"):
        transactions.read(tmp_path / "rows.pkl", MINE)
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DefinitionError, match="cannot be read"):
        transactions.read(torn, MINE)


def test_what_is_learned_tuned_and_judged_lies_a_delay_apart() -> None:
    first, last = datetime(2026, 5, 1, 4, tzinfo=UTC), datetime(2026, 6, 30, 23, tzinfo=UTC)
    split = transactions.cuts_of(first, last, DELAY, 7)
    assert split.judge_from == datetime(2026, 6, 24, tzinfo=UTC), "the last seven whole days are judged"
    assert split.tune_from is not None
    assert split.judge_from - split.tune_from > DELAY
    task = transactions.system_for(FRAUD, first, last, DELAY, 7).task
    assert task.window == DELAY
    with pytest.raises(DefinitionError, match="Give 17 days or more"):
        transactions.cuts_of(first, first + timedelta(days=9), DELAY, 7)
    few = transactions.cuts_of(first, first + timedelta(days=20), DELAY, 7)
    assert few.judge_from is not None
    assert few.judge_from > datetime(2026, 5, 18, tzinfo=UTC), "fewer days are judged where there are few"
    assert pa.scalar(1)
