"""What callers send and get, as msgspec structs: neutral names in the code, the system's own names in JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from serving.definition import ApiNames, ServicePolicy
from validation.contract import Column, Table
from validation.definition import LONGEST_WORD

Id = Annotated[str, Meta(min_length=1, max_length=LONGEST_WORD)]
Token = Annotated[str, Meta(max_length=16_384, description="`token` of the answer that showed the item")]


class Influence(msgspec.Struct, frozen=True):
    """How much one feature moved one item's score, up (> 0) or down."""

    feature: str
    value: float | None
    contribution: float


class EventsAccepted(msgspec.Struct, frozen=True):
    """How many events are safely on disk."""

    accepted: int


class Problem(msgspec.Struct, frozen=True):
    """What was wrong with a request, and what to do."""

    error: str


@dataclass(frozen=True, slots=True)
class Messages:
    """The types of one system's requests and answers: neutral names in the code, the policy's names in JSON."""

    feed: type[Any]
    rank: type[Any]
    events: type[Any]
    answer: type[Any]
    shown: type[Any]


def messages_of(service: ServicePolicy, events: Table) -> Messages:
    """The messages of one system."""
    names = service.names
    context = msgspec.defstruct(
        "Context",
        [(name, Literal[words] | None if words else Id | None, None) for name, words in names.context.items()],
        frozen=True, forbid_unknown_fields=True,
    )  # fmt: skip
    common: list[Any] = [
        ("user", Id),
        ("context", context, context()),
        ("limit", Annotated[int, Meta(ge=1, le=service.most)] | None, None),
        ("explain", bool, False),
        ("preview", bool, False),
        ("variant", Literal["champion", "challenger"] | None, None),
    ]
    items = ("items", Annotated[list[Id], Meta(min_length=1, max_length=service.most_candidates)])
    shown = msgspec.defstruct(
        "Shown",
        [("item", str), ("position", int), ("why", list[Influence] | UnsetType, UNSET),
         ("source", str | None | UnsetType, UNSET)],
        rename={"item": names.item}, frozen=True,
    )  # fmt: skip
    answer = msgspec.defstruct(
        "Answer",
        [("request_id", str), ("release", str | None), ("variant", str), ("served_by", str), ("reason", str | None),
         ("ranker", str | None), ("items", list[shown]),  # type: ignore[valid-type]
         ("token", str | None, None), ("left_out", list[str] | UnsetType, UNSET),
         ("unknown_user", Literal[True] | UnsetType, UNSET)],
        frozen=True,
    )  # fmt: skip
    strict: dict[str, Any] = {"frozen": True, "forbid_unknown_fields": True}
    renamed = {"user": names.user, "items": names.items}
    return Messages(
        feed=msgspec.defstruct("FeedRequest", common, rename=renamed, **strict),
        rank=msgspec.defstruct("RankRequest", [*common[:1], items, *common[1:]], rename=renamed, **strict),
        events=msgspec.defstruct(
            "EventsRequest",
            [("events", Annotated[list[event(events, names)], Meta(min_length=1, max_length=1000)])],  # type: ignore[misc]
            **strict,
        ),
        answer=answer,
        shown=shown,
    )  # fmt: skip


def event(table: Table, names: ApiNames) -> type[Any]:
    """One row of an event table as a caller sends it: the columns of the contract without the one we stamp ourselves.

    A token names the user, and the event's id is made from it: both may be left out.
    """
    columns = [c for c in table.columns if c.name != names.received_time]
    by_token = {*table.key, names.user}
    required = [(c.name, type_of(c)) for c in columns if not c.nullable and c.name not in by_token]
    optional = [(c.name, type_of(c) | None, None) for c in columns if c.nullable or c.name in by_token]
    fields: list[Any] = [*required, *optional, ("token", Token | None, None)]
    return msgspec.defstruct("Event", fields, frozen=True, forbid_unknown_fields=True, kw_only=True)


def type_of(column: Column) -> Any:
    """The values of a column; an empty text in one that may be null is read as null."""
    if column.one_of:
        return Literal[(*column.one_of, "")] if column.nullable else Literal[column.one_of]
    limits = Meta(ge=column.low, le=column.high)
    return {
        "string": Annotated[str, Meta(min_length=0 if column.nullable else 1, max_length=column.longest)],
        "bool": bool,
        "timestamp": Annotated[datetime, Meta(tz=True)],
        "int32": Annotated[int, limits],
        "int64": Annotated[int, limits],
        "float32": Annotated[float, limits],
        "float64": Annotated[float, limits],
        "strings": list[Id],
        "floats": list[float],
    }[column.dtype]
