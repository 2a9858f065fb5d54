"""What every word of a ranking policy is, and how a filter, a source or a step says what it reads."""

import msgspec


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen value of a policy: releases carry it as JSON, and an unknown field is an error."""


class Reads(msgspec.Struct, frozen=True):
    """The names that a part of a policy reads; `must_fit` refuses a policy that reads what the features do not have.

    attributes  of items, `view.field`
    counters    of a view whose only key is the item, `view.counter`
    shared      of a view whose keys are the asker and an attribute of items: that attribute, and the counter
    remembered  likewise, and the features name the counter in `ever`
    local       of a view whose keys are an attribute of the asker and one of items, `view.counter`
    """

    attributes: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    shared: tuple[tuple[str, str], ...] = ()
    remembered: tuple[tuple[str, str], ...] = ()
    local: tuple[str, ...] = ()


class Part(Value, frozen=True):
    """A filter, a source or a step of a policy."""

    def reads(self) -> Reads:
        """What it reads, by name: nothing, unless it says otherwise."""
        return Reads()

    def mistake(self) -> str | None:
        """What is wrong with its values and what to write instead; None when they make sense."""
        return None
