"""A policy of cases is refused, with the sentence that mends it, where it makes no sense; and reads back as written."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from infra.errors import DefinitionError
from serving.case_policy import Decide, From, Hold, Lot, Queue, Say, must_fit_cases
from serving.policy_json import cases_from_json, from_json, to_json
from serving.rules import Above, Among, Rule
from serving.systems.home_feed import HOME_FEED
from tests.serving.cases.payments import BY_LOT, ETA, PAYMENTS, POLICY, SAY, served

CHANGES: list[tuple[str, dict[str, Any], str]] = [
    ("an action that is none", {"usual": "alow"}, "Did you mean `allow`"),
    ("an overflow into itself", {"queue": Queue(a_day=9, overflow="review")}, "write another `overflow`"),
    ("more for the lot than there is", {"queue": Queue(a_day=2, overflow="block", for_lot=3)}, "write 0 to 2"),
    ("a lot of all", {"lot": Lot(share=1.0)}, "write a share between 0 and 1"),
    ("a cap on nothing", {"lot": Lot(share=0.1, at_most=9.0)}, "write both or neither"),
    ("a lot without a place", {"lot": Lot(share=0.1), "queue": None}, "for_lot"),
    ("a step without a threshold", {"steps": (From("block"),)}, "either `times` the operating point"),
    ("a rule that compares nothing", {"last": (Rule("all", (), then="block"),)}, "write that as `usual`"),
    ("no words", {"first": (Rule("none", (Among("card_id", ()),), then="block"),)}, "names no words"),
    ("a score too early", {"first": (Rule("early", (Above("score", 1),), then="block"),)}, "write it in `last`"),
    ("a column that is none", {"first": (Rule("odd", (Above("amnt", 1),), then="block"),)}, "Did you mean `amount`"),
    ("a state that is none", {"last": (Rule("odd", (Above("by_card.paid_2h", 1),), then="block"),)}, "by_card.paid_"),
    ("a word above a number", {"first": (Rule("odd", (Above("channel", 1),), then="block"),)}, "`channel`"),
    ("an action the table has not", {"actions": (*POLICY.actions, "hold")}, "`hold`"),
    ("usually to review", {"usual": "review"}, "Write another `usual`"),
    ("an amount that is a word", {"queue": Queue(a_day=9, overflow="block", amount="channel")}, "`channel`"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "says"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_a_mistake_is_refused_with_what_to_write(change: dict[str, Any], says: str) -> None:
    with pytest.raises(DefinitionError, match=says.replace("(", r"\(")):
        served(msgspec.structs.replace(POLICY, **change))


@pytest.mark.parametrize("name", ["score", "threshold", "propensity", "release", "served_features", "completed"])
def test_a_column_that_some_decisions_leave_empty_has_to_be_nullable(name: str) -> None:
    columns = tuple(replace(column, nullable=column.nullable and column.name != name) for column in PAYMENTS.columns)
    with pytest.raises(DefinitionError, match=f"not every decision has a `{name}`"):
        served(POLICY, replace(PAYMENTS, columns=columns))


def test_a_release_brings_no_queue_to_a_service_that_shows_none() -> None:
    deployed = served(msgspec.structs.replace(POLICY, queue=None))
    with pytest.raises(DefinitionError, match="needs a deployment"):
        must_fit_cases(POLICY, deployed)


def test_a_number_needs_a_base_of_the_request() -> None:
    with pytest.raises(DefinitionError, match="Did you mean `amount`"):
        served(Say(name="eta", base="amounts", value="minutes"), ETA)
    with pytest.raises(DefinitionError, match="above 0"):
        Say(name="eta", base="amount", value="minutes", hold=Hold("trip_id", within=0.0))


@pytest.mark.parametrize("policy", [POLICY, BY_LOT, SAY])
def test_a_policy_reads_back_as_written(policy: Decide | Say) -> None:
    assert cases_from_json(to_json(policy)) == policy


@pytest.mark.parametrize("read", [from_json, lambda written: cases_from_json(to_json(HOME_FEED))])
def test_a_policy_of_another_kind_is_refused(read: Callable[[bytes], object]) -> None:
    with pytest.raises(DefinitionError, match="policy"):
        read(to_json(POLICY))


def test_what_no_request_can_name_is_refused() -> None:
    without = tuple(column for column in PAYMENTS.columns if column.name != "card_id")
    with pytest.raises(DefinitionError, match="feature card_60s: `card_id` is not defined"):
        served(msgspec.structs.replace(POLICY, first=()), replace(PAYMENTS, columns=without, person=None))
