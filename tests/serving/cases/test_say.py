"""A policy that says a number: the score, the base where there is none, and no jumps between two answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from serving.case_policy import ServedCases
from tests.serving.cases.conftest import CaseClient
from tests.serving.cases.payments import ETA, SAY, SAYING, PaymentWorld


@pytest.fixture(scope="module")
def said(payments: PaymentWorld) -> Iterator[CaseClient]:
    """A service that says minutes, without a release at first."""
    (payments.registry / "live.json").unlink()
    client = CaseClient(payments, ServedCases(SAY, SAYING, ETA))
    yield client
    client.stop()


def ask(client: CaseClient, key: str, minutes: float, trip: str = "t", **fields: Any) -> Any:
    body = {"update_id": key, "trip_id": trip, "card_id": "c1", "amount": minutes, **fields}
    answer = client.send("POST", "/v1/decide", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_without_a_release_the_base_answers(said: CaseClient) -> None:
    answer = ask(said, "u1", 12.0)
    assert (answer["minutes"], answer["score"], answer["served_by"], answer["release"]) == (12.0, None, "default", None)


def test_the_last_number_of_a_trip_is_held_until_it_differs_by_enough(said: CaseClient) -> None:
    numbers = [
        ask(said, f"held {i}", minutes, trip="held")["minutes"] for i, minutes in enumerate((20, 21.5, 18, 22.5))
    ]
    assert numbers == [20.0, 20.0, 20.0, 22.5]
    assert ask(said, "other trip", 21.5, trip="another")["minutes"] == 21.5
    assert ask(said, "preview", 50.0, trip="held", preview=True)["minutes"] == 50.0
    assert ask(said, "after", 23.0, trip="held")["minutes"] == 22.5, "a preview holds nothing"


def test_a_number_is_never_below_the_least(said: CaseClient) -> None:
    assert ask(said, "least", 0.0, trip="least")["minutes"] == 0.0
