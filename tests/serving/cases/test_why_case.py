"""Why a case was decided so: score made again, rules, threshold, lot and queue, from what the service itself logged."""

from types import SimpleNamespace
from typing import Any

import pytest

from infra.errors import DefinitionError
from infra.lake import Lake
from orchestration.why import Why, why
from tests.serving.cases.conftest import CaseClient
from tests.serving.cases.payments import PAYMENTS, POLICY, PaymentWorld
from training.registry import Registry


@pytest.fixture(scope="module")
def asked(payments: PaymentWorld) -> Any:
    """Four payments decided, their service stopped, and the installation that can be asked."""
    client = CaseClient(payments)
    client.decide("cheap", amount=20.0)
    client.decide("dear", amount=300.0)
    client.decide("large", amount=6_000.0)
    client.decide("look", amount=20.0, preview=True)
    client.stop()
    settings = payments.settings.of("payments")
    return SimpleNamespace(
        system=SimpleNamespace(name="payments", policy=POLICY, task=SimpleNamespace(decisions="payments")),
        tables={"payments": PAYMENTS}, settings=settings, lake=Lake(settings.lake),
        registry=Registry(settings, "payments"),
    )  # fmt: skip


def case_of(asked: Any, key: str) -> Why:
    found = why(asked, key)
    assert found.case is not None
    assert found.same, found.differences
    return found


def test_what_the_score_decided(asked: Any) -> None:
    found = case_of(asked, "dear")
    case = found.case
    assert (case.action, case.score, case.act_from) == ("review", 300.0, 100.0)
    assert case.rebuilt == case.score
    assert case.threshold is not None
    assert case.queue is not None
    assert "it waits for a reviewer since" in case.queue
    assert case.influences[0].feature == "amount"
    assert case.influences[0].value == case.influences[0].contribution == 300.0
    assert (found.release, found.served_by, found.ranker) == ("1", "full", "column")
    assert len(found.policy or "") == 12
    assert "the score is equal to the last bit" in found.notes


def test_what_was_let_be_waits_for_nobody(asked: Any) -> None:
    case = case_of(asked, "cheap").case
    assert (case.action, case.by_lot, case.queue) == ("allow", False, "it does not wait for a reviewer")


def test_what_a_rule_decided_first(asked: Any) -> None:
    case = case_of(asked, "large").case
    assert case.action == "review"
    assert "very_large" in case.reasons


def test_what_was_never_logged_is_said(asked: Any) -> None:
    with pytest.raises(DefinitionError, match=r"payment_id `look` is in no row of payments.*previews are not logged"):
        why(asked, "look")
    with pytest.raises(DefinitionError, match="a case has no items"):
        why(asked, "dear", "v1")
