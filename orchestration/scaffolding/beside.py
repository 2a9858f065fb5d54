"""Tables beside the decisions: those that describe an entity, and those of other events."""

from dataclasses import dataclass

from orchestration.scaffolding.choices import Choices
from orchestration.scaffolding.looking import ColumnSeen, FolderSeen, TableSeen
from orchestration.scaffolding.naming import free
from validation.dtypes import DType

DTYPES: dict[str, DType] = {
    "whole": "int64",
    "number": "float64",
    "bool": "bool",
    "moment": "timestamp",
    "text": "string",
}


@dataclass(frozen=True, slots=True)
class Described:
    """A table that describes an entity of the decisions, one row for each: `key` is its column, `entity` ours."""

    table: TableSeen
    key: ColumnSeen
    entity: str

    @property
    def times(self) -> tuple[str, str]:
        """The columns that say since when it is so, and when we knew."""
        own = [c.name for c in self.table.columns]
        return free("described_at", own), free("received_at", own)

    @property
    def attributes(self) -> tuple[ColumnSeen, ...]:
        """The columns that describe."""
        return tuple(c for c in self.table.columns if c is not self.key and c.kind in DTYPES)


@dataclass(frozen=True, slots=True)
class Happened:
    """Another table of events, with a moment and entities of the decisions: each is counted."""

    table: TableSeen
    at: ColumnSeen
    key: ColumnSeen | None
    entities: tuple[str, ...]

    @property
    def row_id(self) -> str:
        """The column that names a row."""
        return self.key.name if self.key else free("row_id", (c.name for c in self.table.columns))

    @property
    def received(self) -> str:
        """The column that says when a row was received."""
        return free("row_received_at", (c.name for c in self.table.columns))


def beside(seen: FolderSeen, choices: Choices) -> tuple[tuple[Described, ...], tuple[Happened, ...], tuple[str, ...]]:
    """The other tables that can be joined with the decisions, and what of them cannot, with the reason."""
    described, happened, unused = [], [], []
    ours = {c.name for c in choices.entities}
    for table in seen.tables:
        if table is choices.table:
            continue
        key = next((c for c in table.columns if c.unique and c.name in ours), None)
        if key is not None:
            described.append(Described(table, key, key.name))
            continue
        event = _event(table, ours)
        if event:
            happened.append(event)
        else:
            unused.append(f"{table.name}: it shares no entity with {choices.table.name}, or has no moments")
    return tuple(described), tuple(happened), tuple(unused)


def _event(table: TableSeen, ours: set[str]) -> Happened | None:
    at = next((c for c in table.columns if c.kind == "moment" and c.nulls == 0), None)
    entities = tuple(c.name for c in table.columns if c.name in ours)
    if at is None or not entities:
        return None
    key = next((c for c in table.columns if c.unique and c.kind in ("text", "whole")), None)
    return Happened(table, at, key, entities)
