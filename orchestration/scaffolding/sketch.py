"""A sketch of a new system: its tables with their columns, what joins them, and the names of all that is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestration.scaffolding.beside import DTYPES, Described, Happened, beside
from orchestration.scaffolding.choices import LONGEST_SHARE, Choices
from orchestration.scaffolding.looking import ColumnSeen, FolderSeen
from orchestration.scaffolding.naming import free

LONG_SPAN = timedelta(days=20)
"""Rows that span longer than this get counters of a month, too."""
MOST_HISTORY = 60
"""A model learns from so many days at most, where nobody says otherwise."""
LENT = 4
"""So many words of descriptions are counted."""
NUMBERS = 3
"""Of so many numbers the usual value of each entity is made a feature."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """All that a package is written from."""

    name: str
    seen: FolderSeen
    choices: Choices
    described: tuple[Described, ...]
    happened: tuple[Happened, ...]
    unused: tuple[str, ...]

    @property
    def decisions(self) -> str:
        """The table of decisions."""
        return self.choices.table.name

    @property
    def outcomes(self) -> str:
        """The table of outcomes."""
        return free(f"{self.decisions}_outcomes", (table.name for table in self.seen.tables))

    @property
    def key(self) -> str:
        """The column that names a decision."""
        return self.choices.key[0].name if len(self.choices.key) == 1 else self._free("row_id")

    @property
    def received(self) -> str:
        """The column that says when a decision was received."""
        column = self.choices.received_time
        return column.name if column else self._free("received_at")

    @property
    def target(self) -> ColumnSeen:
        """What is predicted."""
        return self.choices.target

    @property
    def classifies(self) -> bool:
        """Whether the target says yes or no; otherwise it is a number."""
        return self.target.two_sided

    @property
    def is_positive(self) -> str:
        """Spark SQL that says of an outcome whether it is positive."""
        if self.target.kind == "bool":
            return self.target.name
        return f"{self.target.name} = '{self.target.yes}'" if self.target.yes else f"{self.target.name} = 1"

    @property
    def share(self) -> float:
        """The share of positive outcomes that was seen, or the mean of a number."""
        import pandas as pd

        texts = self.choices.table.texts[self.target.name].dropna().str.lower()
        if not self.classifies:
            return float(pd.to_numeric(texts, errors="coerce").mean())
        return float(texts.isin(["true", "1", "1.0", (self.target.yes or "1").lower()]).mean())

    @property
    def skew(self) -> float:
        """How far the target's median lies from its mean, as a share of it."""
        import pandas as pd

        numbers = pd.to_numeric(self.choices.table.texts[self.target.name], errors="coerce").dropna()
        return abs(float(numbers.mean() - numbers.median())) / max(abs(float(numbers.mean())), 1e-9)

    @property
    def spread(self) -> float:
        """How far the target lies from its median, on average."""
        import pandas as pd

        numbers = pd.to_numeric(self.choices.table.texts[self.target.name], errors="coerce").dropna()
        return float((numbers - numbers.median()).abs().mean())

    @property
    def given(self) -> tuple[ColumnSeen, ...]:
        """The columns of a decision beside its key and times: what is known when it is made."""
        late = {self.target.name, *(c.name for c in self.choices.later)}
        late |= {c.name for c in (self.choices.label_time, self.choices.received_time) if c}
        late |= {self.key, self.choices.event_time.name}
        return tuple(c for c in self.choices.table.columns if c.name not in late and c.kind in DTYPES)

    @property
    def left_out(self) -> tuple[ColumnSeen, ...]:
        """Columns that nothing is made of: lists, and those that hold nothing."""
        return tuple(c for c in self.choices.table.columns if c.kind not in DTYPES)

    @property
    def numbers(self) -> tuple[ColumnSeen, ...]:
        """Numbers that are known when the decision is made."""
        return tuple(c for c in self.given if c.numeric and c.distinct > 1 and not self._is_entity(c) and not c.id_like)

    @property
    def codes(self) -> tuple[ColumnSeen, ...]:
        """Choices of a few words that are known when the decision is made."""
        return tuple(c for c in self.given if c.kind == "text" and c.words and c.distinct > 1 and not c.id_like)

    @property
    def entities(self) -> tuple[ColumnSeen, ...]:
        """Columns whose values come again."""
        return self.choices.entities

    @property
    def cluster(self) -> str:
        """The column whose rows are no independent evidence: a person, else the entity with the most values."""
        if self.choices.person:
            return self.choices.person.name
        return max(self.entities, key=lambda c: c.distinct).name if self.entities else self.key

    @property
    def half_life(self) -> str:
        """How long counters of outcomes count."""
        return "30d" if self.choices.span > LONG_SPAN else "7d"

    @property
    def half_lives(self) -> tuple[str, ...]:
        """How long counters of decisions count."""
        return ("1d", "7d", "30d") if self.choices.span > LONG_SPAN else ("1d", "7d")

    @property
    def window(self) -> timedelta:
        """How long after the decision an outcome may come and count."""
        minutes = int(self.choices.label_delay.total_seconds() // 60) + 1
        return timedelta(minutes=minutes)

    @property
    def split(self) -> tuple[float, float]:
        """The shares of rows to fit and to tune on. Each part has to last longer than outcomes take."""
        share = min(self.window / self.choices.span, LONGEST_SHARE)
        return (0.7, 0.1) if share < 0.03 else (round(0.7 - share, 2), round(0.1 + share, 2))

    @property
    def history_days(self) -> int:
        """The days that a model learns from: as many as there are, and more than outcomes take."""
        least = 2 * self.window.days + 2
        return max(least, min(self.choices.span.days + 2, MOST_HISTORY))

    @property
    def first_moment(self) -> datetime:
        """When the first decision was made."""
        first: datetime = self.choices.table.moments(self.choices.event_time).min().to_pydatetime()
        return first

    @property
    def last_moment(self) -> datetime:
        """When the last decision was made."""
        last: datetime = self.choices.table.moments(self.choices.event_time).max().to_pydatetime()
        return last

    @property
    def table_names(self) -> tuple[str, ...]:
        """All tables that are written, those first that others refer to."""
        described = tuple(each.table.name for each in self.described)
        return (*described, *(each.table.name for each in self.happened), self.decisions, self.outcomes)

    @property
    def counted(self) -> tuple[str, ...]:
        """What counters are kept of: the entities, and the words that decisions borrow of descriptions."""
        return (*(c.name for c in self.entities), *self.lent)

    def usual_of(self, entity: str) -> tuple[ColumnSeen, ...]:
        """The numbers whose usual value is kept of an entity: none of one that is but a word."""
        named = any(c.name == entity and not c.words for c in self.entities)
        return self.numbers[:NUMBERS] if named else ()

    @property
    def lent(self) -> dict[str, tuple[Described, ColumnSeen]]:
        """Words of descriptions that decisions borrow and that are counted, by the name that they get."""
        own = {c.name for c in self.choices.table.columns}
        words = {
            column.name: (each, column)
            for each in self.described
            for column in each.attributes
            if column.kind == "text" and column.words and column.distinct > 1 and column.name not in own
        }
        return dict(list(words.items())[:LENT])

    def rate(self, entity: str) -> str:
        """The feature that says how often, or how much, the target was with an entity."""
        return f"{short(entity)}_{self.target.name}_{'rate' if self.classifies else 'usual'}"

    def _is_entity(self, column: ColumnSeen) -> bool:
        return column in self.entities

    def _free(self, name: str) -> str:
        return free(name, (c.name for c in self.choices.table.columns))

    @property
    def outcome_times(self) -> tuple[str, str]:
        """The columns that say when an outcome was known, and received."""
        return self._free("outcome_at"), self._free("outcome_received_at")


def sketch_of(name: str, seen: FolderSeen, choices: Choices) -> Sketch:
    """The sketch of a system, with the other tables that can be joined with the decisions."""
    described, happened, unused = beside(seen, choices)
    return Sketch(name, seen, choices, described, happened, (*unused, *seen.unread))


def short(entity: str) -> str:
    """An entity's name without the word that says that it is an id."""
    return entity.removesuffix("_id").removesuffix("_no").removesuffix("_code") or entity


def seen_words(column: ColumnSeen) -> str:
    """What was seen of a column, in words."""
    return ", ".join(_facts(column))


def _facts(column: ColumnSeen) -> Iterator[str]:
    if column.low is not None:
        yield f"seen {_number(column.low)} to {_number(column.high)}, in the middle {_number(column.middle)}"
    elif column.words and column.kind in ("text", "bool"):
        shown = ", ".join(word[:20] for word in column.words[:6])
        yield f"seen {shown}{' …' if len(column.words) > 6 else ''}"
    elif column.kind == "text":
        yield f"{column.distinct:,} different values seen"
    if column.nulls:
        yield f"{max(column.nulls, 0.0001):.2%} null"


def _number(value: Any) -> str:
    return f"{value:,.6g}"
