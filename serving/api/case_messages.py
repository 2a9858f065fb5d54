"""What callers of a service of cases send and get: a case's columns, a decision, rows of outcomes, verdicts."""

from dataclasses import dataclass
from typing import Annotated, Any, Union

import msgspec
from msgspec import Meta

from infra.errors import DefinitionError
from serving.api.messages import Id, Token, type_of
from serving.case_policy import Decide, ServedCases
from validation.contract import Column, Table, unknown

RANGES: dict[str, tuple[float, float]] = {
    "int32": (-(1 << 31), (1 << 31) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "float32": (-3.4e38, 3.4e38),
}
PREVIEW = "preview"  # the one field of a request that is no column: nothing is logged, counted or put into a queue


@dataclass(frozen=True, slots=True)
class CaseMessages:
    """The types of one system's requests and answers; `verdict` is None where nothing is reviewed."""

    case: type[Any]
    answer: type[Any]
    events: type[Any] | None
    verdict: type[Any] | None
    waiting: type[Any] | None


def messages_of_cases(served: ServedCases) -> CaseMessages:
    """The messages of one system."""
    if PREVIEW in {column.name for column in served.decisions.columns}:
        raise DefinitionError(f"table {served.decisions.name}: `{PREVIEW}` is a field of requests: name it otherwise")
    strict: dict[str, Any] = {"frozen": True, "forbid_unknown_fields": True, "kw_only": True}
    fields = [*_fields(served.asked), (PREVIEW, bool, False)]
    tables = {table.name: _row(table, served.key) for table in served.events}
    event: Any = Union[tuple(tables.values())] if tables else None  # noqa: UP007  of types that are made here
    queue = served.policy.queue if isinstance(served.policy, Decide) else None
    return CaseMessages(
        case=msgspec.defstruct("Case", fields, **strict),
        answer=_answer(served),
        events=msgspec.defstruct(
            "OutcomesRequest", [("events", Annotated[list[event], Meta(min_length=1, max_length=1000)])], **strict
        ) if tables else None,
        verdict=_verdict(served, queue.verdicts.table, queue.verdicts.verdict) if queue else None,
        waiting=_waiting(served) if queue else None,
    )  # fmt: skip


def _fields(columns: tuple[Column, ...]) -> list[Any]:
    required = [(c.name, _type(c)) for c in columns if not c.nullable]
    return [*required, *((c.name, _type(c) | None, None) for c in columns if c.nullable)]


def _type(column: Column) -> Any:
    """The values of a column, none of which its type cannot hold."""
    least, most = RANGES.get(column.dtype, (None, None))
    if least is None or most is None or column.one_of:
        return type_of(column)
    low, high = (least if column.low is None else column.low), (most if column.high is None else column.high)
    return Annotated[int if column.dtype.startswith("int") else float, Meta(ge=low, le=high)]


def _answer(served: ServedCases) -> type[Any]:
    decides = isinstance(served.policy, Decide)
    own: list[Any] = [
        ("action", str),
        ("threshold", float | None),
        ("by_lot", bool),
        ("reasons", list[str]),
    ] if decides else [("value", float), ("promise", float | None)]  # fmt: skip
    rename = {"case": served.key, "value": served.policy.value} if not isinstance(served.policy, Decide) else {
        "case": served.key
    }  # fmt: skip
    return msgspec.defstruct(
        "Decision",
        [("case", str), *own, ("score", float | None), ("request_id", str), ("release", str | None),
         ("ranker", str | None), ("variant", str), ("served_by", str), ("reason", str | None),
         ("token", str | None, None)],
        rename=rename, frozen=True,
    )  # fmt: skip


def _row(table: Table, case: str) -> type[Any]:
    """One row of a table as a caller sends it: its columns without the time that we stamp ourselves."""
    fields = _fields(tuple(c for c in table.columns if c.name != table.received_time and c.derived is None))
    token = Annotated[Token, Meta(description=f"names its `{case}`")] | None
    return msgspec.defstruct(
        f"Row_{table.name}", [*fields, ("token", token, None)],
        frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="table", tag=table.name,
    )  # fmt: skip


def _verdict(served: ServedCases, table: str, verdict: str) -> type[Any]:
    of = next(each for each in served.events if each.name == table)
    names = [column.name for column in of.columns]
    for name in (served.key, verdict):
        if name not in names:
            raise DefinitionError(f"policy {served.policy.name}, queue: table {table}: {unknown(name, names)}")
    return msgspec.defstruct(
        "Verdict", [("case", Id), ("verdict", type_of(of.column(verdict)))], rename={"case": served.key},
        frozen=True, forbid_unknown_fields=True,
    )  # fmt: skip


def _waiting(served: ServedCases) -> type[Any]:
    review = msgspec.defstruct(
        "Review",
        [("case", str), ("since", str), ("expected_loss", float), ("score", float | None),
         ("reasons", list[str]), ("given", dict[str, Any])],
        rename={"case": served.key}, frozen=True,
    )  # fmt: skip
    return msgspec.defstruct(
        "Queue",
        [("open", int), ("oldest_s", float | None), ("today", int), ("a_day", int), ("reviews", list[review])],  # type: ignore[valid-type]
        frozen=True,
    )
