"""`POST /v1/decide` twice, under overload, and on what nobody can read: what is counted, answered and remembered."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
import redis as redis_client

from tests.serving.cases.conftest import CaseClient, Logged, Start, named, payment
from tests.serving.cases.payments import NOW, POLICY, PaymentWorld, served


def forget(payments: PaymentWorld, name: str) -> None:
    with redis_client.Redis.from_url(payments.settings.redis_url) as redis:
        assert redis.delete(f"fw:payments_test!{name}") == 1


def test_a_case_that_is_refused_or_was_answered_is_not_counted_again(
    start: Start, payments: PaymentWorld, logged_of: Any
) -> None:
    """By the worker that did not answer it before: it learns of that in the round trip in which it counts."""
    one, other = start(), start()
    rows = logged_of(other)
    one.decide("refused", card_id="counted", amount=10.0)
    changed = payment("refused", card_id="counted", amount=11.0)
    assert other.send("POST", "/v1/decide", json=changed).status_code == 409
    other.decide("next", card_id="counted")
    assert (named(rows["next"])["card_60s"], named(rows["next"])["spent_60s"]) == (1.0, 10.0)
    forget(payments, "recent:card_id:counted")  # its window is long over
    other.decide("refused", card_id="counted", amount=10.0)
    other.decide("later", card_id="counted")
    assert named(rows["later"])["card_60s"] == 0.0, "the case that was answered long ago is no payment of now"


def test_what_nobody_can_read_in_redis_costs_the_states_and_not_the_rules(
    client: CaseClient, payments: PaymentWorld
) -> None:
    with redis_client.Redis.from_url(payments.settings.redis_url) as redis:
        redis.zadd("fw:payments_test!recent:card_id:thief", {"strange": (NOW.timestamp() - 1) * 1e6})
        answer = client.decide("strange", card_id="thief")
        redis.delete("fw:payments_test!recent:card_id:thief")
    assert (answer["action"], answer["served_by"]) == ("block", "no_state")


def test_under_overload_a_case_is_counted_for_those_after_it(
    client: CaseClient, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as overload:
        overload.setattr(type(client.online.shedding), "exhausted", True)
        assert client.decide("shed", card_id="many")["served_by"] == "rules"
    client.decide("calm", card_id="many")
    assert named(logged("calm"))["card_60s"] == 1.0


def test_an_answer_is_remembered_as_long_as_the_policy_says(start: Start, payments: PaymentWorld) -> None:
    client = start(served(msgspec.structs.replace(POLICY, remember_s=0.0)))
    first = client.decide("short")
    assert first["served_by"] == "full", "Redis knows no time of 0 seconds"
    client.online.ladder._answers._own.clear()
    assert client.decide("short") == first
    own = client.online.ladder._answers._own
    own["short"] = replace(own["short"], until=0.0)
    forget(payments, "answer:short")
    assert client.decide("short", amount=21.0)["score"] == 21.0, "neither this process nor Redis remembers"
