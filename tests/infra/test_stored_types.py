"""A definition that grew narrower, or another type: read where nothing is lost, else told by table, file and column."""

from datetime import date

import pyarrow as pa
import pytest

from infra.errors import DefinitionError
from infra.lake import in_parts

DAY = date(2026, 5, 3)
HELD = [
    (pa.int64(), [1, None], pa.int32()),
    (pa.int32(), [1], pa.int64()),
    (pa.int32(), [7], pa.string()),
    (pa.string(), ["7"], pa.int32()),
    (pa.float32(), [1.0], pa.int32()),
    (pa.float64(), [1.5, None], pa.float32()),
]
LOST = [
    (pa.int64(), [1 << 40], pa.int32(), "not in range"),
    (pa.string(), ["a"], pa.int32(), "Failed to parse"),
    (pa.float32(), [1.5], pa.int32(), "truncated"),
    (pa.list_(pa.string()), [["a"]], pa.string(), "Unsupported cast"),
    (pa.float64(), [1.5, -1e39], pa.float32(), "beyond the range of 32 bits"),
    (pa.list_(pa.float64()), [[1.5], [1e39]], pa.list_(pa.float32()), "beyond the range of 32 bits"),
]


def stored(lake, values, kind):
    lake.append("tables/parcels", DAY, pa.table({"door": ["d"] * len(values), "paid": pa.array(values, kind)}), "a")
    return lake.files("tables/parcels")


@pytest.mark.parametrize(("kind", "values", "now"), HELD, ids=str)
def test_what_the_new_type_holds_is_read(lake, kind, values, now):
    stored(lake, values, kind)
    found = lake.read("tables/parcels", schema=pa.schema([("paid", now)]))
    assert found["paid"].type == now
    assert [v if v is None else float(v) for v in found["paid"].to_pylist()] == [v and float(v) for v in values]


@pytest.mark.parametrize(("kind", "values", "now", "why"), LOST, ids=str)
def test_what_it_does_not_hold_is_named(lake, kind, values, now, why):
    files, asked = stored(lake, values, kind), pa.schema([("door", pa.string()), ("paid", now)])
    name = str(kind).split("<")[0]
    told = (
        f"table parcels, day=2026-05-03/part-a.parquet: column `paid` is stored there as {name}.* and is {now} .*{why}"
    )
    for read in (
        lambda: lake.read("tables/parcels", schema=asked),
        lambda: list(in_parts(files, asked, ["paid"])),
    ):
        with pytest.raises(DefinitionError, match=told):
            read()


def test_files_that_do_not_go_together_are_named_where_nobody_asks_for_a_type(lake):
    stored(lake, [1], pa.int64())
    lake.append("tables/parcels", DAY, pa.table({"paid": ["much"]}), "b")
    with pytest.raises(DefinitionError, match=r"part-b.parquet: column `paid` is stored there as string and is int64"):
        lake.read("tables/parcels")
