"""What is chosen for a new system: which table is decided, by which key, when, and what is to be predicted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from infra.errors import DefinitionError
from orchestration.scaffolding import guesses
from orchestration.scaffolding.lengths import as_flag, in_words, length
from orchestration.scaffolding.looking import ColumnSeen, FolderSeen, TableSeen
from validation.contract import unknown

LONG_ENOUGH, DELAY, SHORT_SHARE = timedelta(days=6), timedelta(days=1), 0.05
"""The delay of labels that is taken where none is said: a day, or that share of a span below `LONG_ENOUGH`."""
LONGEST_SHARE = 0.25
"""Outcomes may take so much of the time that the rows span: what is left has to be cut into fit, tune and judge."""
MOST = 0.99
"""Where a column says when the target was known, it is awaited as long as so many of them took."""


class Ask(Protocol):
    """Asks a person on a terminal. Elsewhere the answer is `otherwise`; where that is empty, DefinitionError is raised.

    `able` is what can be answered, `flag` says the answer without being asked.
    """

    def __call__(self, question: str, able: Sequence[str], flag: str, otherwise: str = "") -> str:
        """The answer."""


Note = tuple[str, str, str]
"""What was guessed, the guess, and the flag that says otherwise."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said by flags; empty where nothing was."""

    decisions: str = ""
    key: tuple[str, ...] = ()
    event_time: str = ""
    received_time: str = ""
    target: str = ""
    label_time: str = ""
    label_delay: timedelta | None = None
    later: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choices:
    """What a system is written from, each part said, answered or guessed; `notes` tells the guesses.

    `key` is empty where no column names a row; `later` are columns that are known with the target only; `span` is the
    time from the first decision to the last.
    """

    table: TableSeen
    key: tuple[ColumnSeen, ...]
    event_time: ColumnSeen
    received_time: ColumnSeen | None
    target: ColumnSeen
    label_time: ColumnSeen | None
    label_delay: timedelta
    delay_guessed: bool
    later: tuple[ColumnSeen, ...]
    entities: tuple[ColumnSeen, ...]
    person: ColumnSeen | None
    span: timedelta
    notes: tuple[Note, ...]


def choose(seen: FolderSeen, said: Said, ask: Ask) -> Choices:
    """The choices for a folder; raises DefinitionError, with the flag to give, for what nobody said or can guess."""
    notes: list[Note] = []
    table = _decisions(seen, said, ask, notes)
    target = _target(table, said, ask, notes)
    at = _event_time(table, said, ask, notes)
    received = _received_time(table, at, said, ask, notes)
    label_time = _label_time(table, at, received, said)
    later = tuple(_named(table, name, "--later") for name in said.later)
    taken = {c.name for c in (at, target, received, label_time, *later) if c}
    key = _key(table, taken, said, notes)
    entities = _entities(table, taken | {c.name for c in key}, said, notes)
    moments = table.moments(at).dropna()
    span = (moments.max() - moments.min()).to_pytimedelta() if len(moments) else timedelta(0)
    delay, guessed = _delay(table, at, label_time, span, said, ask, notes)
    if delay > LONGEST_SHARE * span:
        raise DefinitionError(
            f"{table.name} spans {in_words(span)}, and a target is known {in_words(delay)} after its decision: too few "
            "decisions with a known target are left to learn from and to judge by. Give more days, or a shorter "
            "--label-delay if that is true."
        )
    person = guesses.likely_person(entities)
    return Choices(
        table, key, at, received, target, label_time, delay, guessed, later, entities, person, span, tuple(notes)
    )


def _decisions(seen: FolderSeen, said: Said, ask: Ask, notes: list[Note]) -> TableSeen:
    tables = {table.name: table for table in seen.tables}
    if len(tables) == 1 and not said.decisions:
        return seen.tables[0]
    name = said.decisions
    if not name:
        able = [table for table in seen.tables if _may_be_decided(table, said.target)]
        largest = max(able, key=lambda table: len(table.texts), default=None)
        question = "Which table holds the decisions, a row for each?"
        name = largest.name if largest else ask(question, list(tables), "--decisions")
        notes.append(("decisions", name, "--decisions TABLE"))
    if name not in tables:
        raise DefinitionError(f"--decisions: {unknown(name, tables)}")
    return tables[name]


def _may_be_decided(table: TableSeen, target: str) -> bool:
    named = table.column(target) is not None if target else bool(guesses.two_sided(table))
    return named and bool(guesses.moments_of(table))


def _target(table: TableSeen, said: Said, ask: Ask, notes: list[Note]) -> ColumnSeen:
    question = f"Which column of {table.name} is to be predicted: one that says 0 or 1, or a number?"
    likely = None if said.target else guesses.likely_target(table)
    name = said.target or (likely.name if likely else ask(question, guesses.possible_targets(table), "--target"))
    target = _named(table, name, "--target")
    if not said.target:
        notes.append(("target", target.name, "--target COLUMN"))
    if target.distinct < 2:
        raise DefinitionError(
            f"target `{target.name}` holds {', '.join(target.words) or 'the same'} in every row: nothing is to be told "
            "apart. Give rows of both kinds, or name another column: --target COLUMN."
        )
    if not (target.two_sided or target.numeric):
        raise DefinitionError(
            f"target `{target.name}` is neither a number nor 0 or 1 ({_shown(target)}). Name another: --target COLUMN."
        )
    return target


def _event_time(table: TableSeen, said: Said, ask: Ask, notes: list[Note]) -> ColumnSeen:
    if said.event_time:
        return _moment(table, said.event_time, "--event-time")
    likely = guesses.likely_event_time(table)
    if likely is None:
        question = f"Which column of {table.name} says when a row was decided?"
        return _moment(table, ask(question, [c.name for c in table.columns], "--event-time"), "--event-time")
    notes.append(("event time", likely.name, "--event-time COLUMN"))
    return likely


def _received_time(table: TableSeen, at: ColumnSeen, said: Said, ask: Ask, notes: list[Note]) -> ColumnSeen | None:
    if said.received_time:
        return _moment(table, said.received_time, "--received-time")
    likely, able = guesses.likely_received_time(table, at), [c.name for c in guesses.moments_of(table)]
    if likely is None and len(able) > 1:
        question = f"Which column says when a row was received? `{at.name}`: none does, take that"
        name = ask(question, able, "--received-time", at.name)
        likely = None if name == at.name else _moment(table, name, "--received-time")
    what = likely.name if likely else f"{at.name}: no column says when a row was received"
    notes.append(("received time", what, "--received-time COLUMN"))
    return likely


def _label_time(table: TableSeen, at: ColumnSeen, received: ColumnSeen | None, said: Said) -> ColumnSeen | None:
    if said.label_time:
        return _moment(table, said.label_time, "--label-time")
    return None if said.label_delay is not None else guesses.likely_label_time(table, at, received)


def _delay(
    table: TableSeen,
    at: ColumnSeen,
    label_time: ColumnSeen | None,
    span: timedelta,
    said: Said,
    ask: Ask,
    notes: list[Note],
) -> tuple[timedelta, bool]:
    """How long after a decision its target is known, and whether that is a mere guess."""
    if label_time is not None:
        seconds = (table.moments(label_time) - table.moments(at)).dropna().dt.total_seconds()
        longest = timedelta(seconds=float(seconds.quantile(MOST))) if len(seconds) else DELAY
        when = f"at {label_time.name}: {MOST:.0%} within {in_words(longest)} of {at.name}"
        notes.append(("target known", when, "--label-time COLUMN or --label-delay 30d"))
        return max(longest, timedelta(minutes=1)), False
    if said.label_delay is not None:
        return said.label_delay, False
    guess = DELAY if span >= LONG_ENOUGH else max(span * SHORT_SHARE, timedelta(minutes=1))
    question = f"How long after {at.name} is the target known?"
    answer = ask(question, ["90m", "12h", "30d"], "--label-delay", as_flag(guess))
    delay, guessed = length(answer, "--label-delay"), answer == as_flag(guess)
    when = f"{in_words(delay)} after {at.name}{': NOBODY SAID SO' if guessed else ''}"
    notes.append(("target known", when, "--label-delay 30d or --label-time COLUMN"))
    return delay, guessed


def _key(table: TableSeen, taken: set[str], said: Said, notes: list[Note]) -> tuple[ColumnSeen, ...]:
    if said.key:
        return tuple(_named(table, name, "--key") for name in said.key)
    likely = guesses.likely_key(table, taken)
    what = likely.name if likely else "no column names a row: row_id is made of all that is known of it"
    notes.append(("key", what, "--key COLUMN[,COLUMN]"))
    return (likely,) if likely else ()


def _entities(table: TableSeen, taken: set[str], said: Said, notes: list[Note]) -> tuple[ColumnSeen, ...]:
    if said.entities:
        return tuple(_named(table, name, "--entities") for name in said.entities)
    likely = guesses.likely_entities(table, taken)
    notes.append(("entities", ", ".join(c.name for c in likely) or "none", "--entities COLUMN[,COLUMN]"))
    return likely


def _named(table: TableSeen, name: str, flag: str) -> ColumnSeen:
    column = table.column(name)
    if column is None:
        raise DefinitionError(f"{flag}: {table.name}: {unknown(name, [c.name for c in table.columns])}")
    if column.kind == "nothing":
        raise DefinitionError(f"{flag} {name}: the column holds nothing in any row. Name another one.")
    return column


def _moment(table: TableSeen, name: str, flag: str) -> ColumnSeen:
    column = _named(table, name, flag)
    if column.kind != "moment":
        raise DefinitionError(
            f"{flag} {name}: the column holds no moments ({_shown(column)}). Moments are written as "
            "2026-05-03T12:00:00Z, or are seconds or milliseconds since 1970 in a column whose name says time."
        )
    return column


def _shown(column: ColumnSeen) -> str:
    words = ", ".join(column.words[:4])
    return f"{column.kind}: {words}" if words else f"{column.kind}, {column.distinct:,} values"
