"""The words a table is defined in. Expectations, Arrow schemas and the tables page are generated from these values."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from infra.errors import DefinitionError
from validation.definition import LONGEST_WORD, BatchLimits
from validation.derived import Derived, DomainOf, gives, made_from, takes
from validation.dtypes import DType

if TYPE_CHECKING:
    import pyarrow as pa

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""A moment outside them is taken for a wrong clock: one that was never set says 1970."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds and what it may hold.

    `low` and `high` are inclusive and in `unit`. `refers_to` names the table the value should be found in, by a column
    of the same name; a value not found there is reported and never refused: it may come later. A text has 1 to
    `longest` characters; an empty one is null, and refused where null is.

    A batch with a larger share of nulls than `max_null` is refused (None: the table's limit holds); a larger share than
    `warn_null` is a warning.

    `logged` says that whoever showed the row wrote the value down with it, so that it was known when the row was shown.
    A feature made of a column that is not declared so has no lineage, and the leakage gate refuses it.

    `derived` makes the column from others of its row, at intake and in the service alike. Nobody has to deliver it; a
    row that does, with another value, is quarantined. `changes` says that the same entity may come with another value
    later, as a price does: no `Lookup` may borrow it, because that takes the first description.
    """

    name: str
    dtype: DType
    meaning: str
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    one_of: tuple[str, ...] | None = None
    refers_to: str | None = None
    nullable: bool = False
    longest: int = LONGEST_WORD
    max_null: float | None = None
    warn_null: float | None = None
    logged: bool = False
    derived: Derived | None = None
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold within each row, as a pandas expression over the table's own columns.

    A row that breaks it is quarantined. Where the expression is null the rule holds: whether a value may be null is
    said by its column.
    """

    name: str
    holds: str
    why: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table: `row` says what a row is.

    `event_time` is when it happened, `received_time` when we received it. A row of a `versioned` table describes an
    entity as of its event time, so that the same key may come again later; in any other table a key comes once. A row
    that comes again with other content is reported and counted as a duplicate, or, where `differing` says so,
    quarantined.

    `person` is the column that says which person a row is about: rows of one who was erased are removed, and new ones
    not accepted. A home with pseudonyms keeps a hash in place of its values: of a text a text, of an int64 a negative
    number. What is wrong with such a value is said without it. `gone` is a column and its value by which a description
    says that its person has left: the next erasure includes them.
    """

    name: str
    row: str
    owner: str
    key: tuple[str, ...]
    event_time: str
    received_time: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    limits: BatchLimits = field(default_factory=BatchLimits)
    versioned: bool = False
    differing: Literal["count", "quarantine"] = "count"
    person: str | None = None
    gone: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        names = [c.name for c in self.columns]
        about_people = [name for name in (self.person, *(self.gone or ())[:1]) if name is not None]
        for name in (*self.key, self.event_time, self.received_time, *about_people):
            if name not in names:
                raise DefinitionError(f"table {self.name}: {unknown(name, names)}")
        if len(set(names)) != len(names):
            raise DefinitionError(f"table {self.name}: a column is defined twice among {names}")
        id_column = self.column(self.person) if self.person else None
        if id_column and (id_column.dtype not in {"string", "int64"} or id_column.low is not None or id_column.one_of):
            raise DefinitionError(
                f"table {self.name}: `{id_column.name}` says who a row is about, so it is a string or an int64 without "
                "`low` or `one_of`: its pseudonym has to fit into it, and that of a number is negative"
            )
        if self.gone and self.person is None:
            raise DefinitionError(
                f"table {self.name}: `gone` says that a person left, and no column says who (`person`)"
            )
        for place, column in enumerate(self.columns):
            if column.derived is not None:
                self._check_derived(column, column.derived, self.columns[:place])

    def _check_derived(self, column: Column, derived: Derived, before: tuple[Column, ...]) -> None:
        where, names = f"table {self.name}: `{column.name}`", [c.name for c in before]
        if column.dtype not in gives(derived):
            raise DefinitionError(f"{where} is {column.dtype}, and {derived} makes {' or '.join(gives(derived))}")
        for name in made_from(derived):
            if name not in names:
                raise DefinitionError(f"{where} is derived from columns before it: {unknown(name, names)}")
            of, asked = self.column(name), " or ".join(takes(derived))
            if of.dtype not in takes(derived):
                raise DefinitionError(f"{where}: {derived} is made from {asked}, and `{name}` is {of.dtype}")
            if name in (self.person, self.received_time):
                why = "a home keeps a pseudonym of it" if name == self.person else "it is written at intake"
                raise DefinitionError(f"{where} is derived from `{name}`, which may change: {why}. Take another.")
            if not column.nullable and (of.nullable or isinstance(derived, DomainOf)):
                raise DefinitionError(f"{where} is null where `{name}` says nothing: write nullable=True")

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that make two deliveries the same row."""
        return (*self.key, self.event_time) if self.versioned else self.key

    def max_null(self, column: Column) -> float:
        """The largest share of nulls that a batch may have in a column that may be null."""
        return self.limits.max_null if column.max_null is None else column.max_null

    @property
    def schema(self) -> "pa.Schema":
        """The Arrow schema of accepted rows."""
        import pyarrow as pa  # 24 MiB, and the service reads only definitions

        from validation.arrow import ARROW

        return pa.schema([pa.field(c.name, ARROW[c.dtype], nullable=c.nullable) for c in self.columns])

    def column(self, name: str) -> Column:
        """The column of that name; raises DefinitionError with the nearest name otherwise."""
        for column in self.columns:
            if column.name == name:
                return column
        raise DefinitionError(f"table {self.name}: {unknown(name, [c.name for c in self.columns])}")


def unknown(name: str, defined: Iterable[str]) -> str:
    """The sentence about a name that is not defined, with the nearest one that is."""
    names = sorted(defined)
    near = get_close_matches(name, names, n=1)
    hint = f"Did you mean `{near[0]}`?" if near else f"Defined are: {', '.join(names)}."
    return f"`{name}` is not defined. {hint}"


def is_identifier(name: str) -> bool:
    """Whether a name is safe as a table, folder and column name."""
    return re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None
