"""Users and videos: as a catalogue describes them, or as they were seen, each known from the first day on."""

from collections.abc import Mapping as Map
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestration.sources.mapping.absent import ABSENT, FIRST, filled
from validation.contract import EARLIEST, Table

if TYPE_CHECKING:
    import pandas as pd


class FirstMoments:
    """The first moment of each id that events name, by the table that the id refers to."""

    def __init__(self) -> None:
        self._first: dict[str, pd.Series[Any]] = {}
        self.last: pd.Timestamp | None = None
        self.start: pd.Timestamp | None = None

    def take(self, table: Table, frame: "pd.DataFrame") -> None:
        """Note the rows of an event table."""
        import pandas as pd

        if frame.empty:
            return
        moments = frame[table.event_time]
        if moments.notna().any():
            earliest, latest = moments.min(), moments.max()
            self.start = earliest if self.start is None else min(earliest, self.start)
            self.last = latest if self.last is None else max(latest, self.last)
        for column in table.columns:
            if column.refers_to and column.name in frame:
                firsts = moments.groupby(frame[column.name].astype(str)).min()
                before = self._first.get(column.refers_to)
                both = firsts if before is None else pd.concat([before, firsts]).groupby(level=0).min()
                self._first[column.refers_to] = both

    def of(self, table: str) -> "pd.Series[Any]":
        """First moments by id."""
        import pandas as pd

        return self._first.get(table, pd.Series([], dtype="datetime64[us, UTC]"))


def described_entities(
    table: Table, parts: "Sequence[pd.DataFrame]", first_moments: FirstMoments
) -> "tuple[pd.DataFrame, dict[str, int]]":
    """One row for each entity that a catalogue or an event names, and counts of them."""
    import pandas as pd

    key, first = table.key[0], first_moments.of(table.name)
    described = pd.concat([*parts, pd.DataFrame({key: []}, dtype=object)], ignore_index=True)
    described[key] = described[key].astype("string")
    repeated = int(described[key].duplicated().sum())
    described = described.drop_duplicates(key, keep="last")
    undescribed = first.index.difference(pd.Index(described[key].dropna()))
    frame = pd.concat([described, pd.DataFrame({key: undescribed.astype("string")})], ignore_index=True)
    start = pd.Timestamp.now(tz="UTC") if first_moments.start is None else first_moments.start.floor("D")
    moments = pd.Series(first.reindex(frame[key].to_numpy()).to_numpy(), dtype="datetime64[us, UTC]")
    counts = {"described": len(described), "only seen": len(undescribed), "described twice": repeated}
    return _dated(table, _filled(table, frame), moments, start, counts), counts


def _filled(table: Table, frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with a value in absent columns, and in empty places of columns that may not be null."""
    for name, absent in ABSENT.get(table.name, {}).items():
        if absent.taken in (None, "own") and not (absent.value is None and absent.taken is None):
            others = {table.key[0]: frame[table.key[0]]}
            value = filled(table.name, name, others, len(frame), table.key)
            if name in frame:
                value = (
                    frame[name].where(frame[name].notna(), value) if not table.column(name).nullable else frame[name]
                )
            frame = frame.assign(**{name: value})
    return frame


def _dated(
    table: Table, frame: "pd.DataFrame", first: "pd.Series[Any]", start: "pd.Timestamp", counts: dict[str, int]
) -> "pd.DataFrame":
    """The frame with each description's moments: not later than the first event, not earlier than the entity itself."""
    import pandas as pd

    birth = next(name for name, absent in ABSENT[table.name].items() if absent.taken == FIRST)
    born = frame[birth] if birth in frame else pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    born = born.fillna(first).fillna(start)
    too_early = born < EARLIEST
    counts["made before 2000"] = int(too_early.sum())
    born = born.where(~too_early, EARLIEST)
    born = born.where(first.isna() | (born <= first), first)
    since = frame[table.event_time] if table.event_time in frame else born.where(born > start, start)
    return frame.assign(
        **{birth: born, table.event_time: since, table.received_time: frame.get(table.received_time, since)}
    )


def lost(tables: Sequence[Table], mapped: Map[str, Sequence[str]]) -> list[tuple[str, str, str]]:
    """Each absent column with what is lost by it: table, column, words."""
    return [
        (table.name, name, absent.lost)
        for table in tables
        for name, absent in ABSENT.get(table.name, {}).items()
        if absent.lost and name not in mapped[table.name]
    ]
