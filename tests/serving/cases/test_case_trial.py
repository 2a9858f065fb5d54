"""A release on trial beside the champion decides the cases that were drawn for it, and costs none its answer."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from serving import metrics
from serving.assignment import CHALLENGER, CHAMPION, HOLDBACK, LOWEST, Shares, variant_of
from serving.case_policy import From
from serving.deciding import day_of
from serving.definition import BreakerValues, ShadowValues
from tests.serving.cases.conftest import CaseClient, Start
from tests.serving.cases.payments import NAMES, POLICY, PaymentWorld

STRICT = msgspec.structs.replace(POLICY, steps=(From("block", at=150.0),))
LIMITS = msgspec.structs.replace(POLICY.limits, lowest_share=0.1, holdback_share=0.2)


@pytest.fixture
def tried(start: Start, payments: PaymentWorld) -> CaseClient:
    """Release 1 asks for a second factor from 100 on; release 2, on trial, blocks from 150 on."""
    for version, policy in (("2", STRICT), ("apart", msgspec.structs.replace(POLICY, limits=LIMITS))):
        if not (payments.registry / version).exists():
            payments.release(version, policy)
    payments.challenge("1", "2", 50)
    client = start()
    client._runner.run(client.online.releases.stop())
    client.follow()
    return client


def keys(prefix: str, count: int = 40, **apart: float) -> dict[str, str]:
    shares = Shares(challenger=0.5, salt="trial", **apart)
    return {key: variant_of(shares, key) for key in (f"{prefix} {i}" for i in range(count))}


def one_of(variant: str, prefix: str) -> str:
    return next(key for key, drew in keys(prefix).items() if drew == variant)


def test_each_case_is_decided_by_the_release_it_was_drawn_for(
    tried: CaseClient, logged_of: Callable[[CaseClient], dict[str, Any]]
) -> None:
    rows = logged_of(tried)
    for key, variant in keys("each", 12).items():
        answer = tried.decide(key, amount=180.0)
        release, action = {CHAMPION: ("1", "step_up"), CHALLENGER: ("2", "block")}[variant]
        assert (answer["variant"], answer["release"], answer["action"]) == (variant, release, action)
        assert (rows[key]["variant"], rows[key]["release"]) == (variant, release)
    assert (
        'flywheel_variant_answers_total{route="decide",served_by="full",variant="challenger"}'
        in tried.send("GET", "/metrics").text
    )


def test_a_case_keeps_its_variant_in_every_worker(tried: CaseClient, start: Start) -> None:
    other = start()
    other.follow()
    for key in keys("every worker", 10):
        first, second = (client.decide(key, amount=20.0, preview=True)["variant"] for client in (tried, other))
        assert first == second


def test_shares_of_real_decisions_are_as_set(tried: CaseClient, payments: PaymentWorld) -> None:
    payments.challenge("apart", "2", 50)
    tried.follow()
    wanted = keys("shares", 150, lowest=0.1, holdback=0.2)
    answers = {key: tried.decide(key, amount=20.0) for key in wanted}
    assert {key: answer["variant"] for key, answer in answers.items()} == wanted
    variants = np.array([answer["variant"] for answer in answers.values()])
    for name, share in ((LOWEST, 0.1), (HOLDBACK, 0.2), (CHALLENGER, 0.35), (CHAMPION, 0.35)):
        assert abs((variants == name).mean() - share) < 4 * np.sqrt(share * (1 - share) / len(variants)), name
    said = {(a["variant"], a["served_by"], a["reason"]) for a in answers.values() if a["variant"] in {LOWEST, HOLDBACK}}
    assert said == {
        (LOWEST, "rules", "the constant share of this rung"),
        (HOLDBACK, "rules", "the constant share that is held back"),
    }


def test_a_challenger_that_throws_costs_no_decision_and_is_asked_no_more(
    tried: CaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        asked.append(1)
        raise ZeroDivisionError

    asked: list[int] = []
    counted = metrics.VARIANT_FAILURES.labels(CHALLENGER, "scoring failed")
    before = counted._value.get()
    monkeypatch.setattr(tried.online.releases.trial.release.builder, "matrix", broken)
    mine = [key for key, variant in keys("throws").items() if variant == CHALLENGER][:6]
    answers = [tried.decide(key, amount=180.0) for key in mine]
    assert {(a["variant"], a["release"], a["action"], a["served_by"]) for a in answers} == {
        (CHALLENGER, "1", "step_up", "full")
    }
    assert {a["reason"] for a in answers} == {
        "the champion answers for the challenger: scoring failed: ZeroDivisionError"
    }
    assert len(asked) == BreakerValues().failures
    assert counted._value.get() == before + 6
    assert tried.decide(one_of(CHAMPION, "throws too"))["reason"] is None, "nobody else notices"


def test_a_policy_that_fails_under_a_challenger_is_replaced_by_the_champions(
    tried: CaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    deciding, real = tried.online.ladder._deciding, tried.online.ladder._deciding.decided

    async def broken(policy: Any, *more: Any) -> Any:
        if policy.steps == STRICT.steps:
            raise KeyError("nobody foresaw this")
        return await real(policy, *more)

    monkeypatch.setattr(deciding, "decided", broken)
    answer = tried.decide(one_of(CHALLENGER, "policy"), amount=180.0)
    assert (answer["variant"], answer["release"], answer["action"]) == (CHALLENGER, "1", "step_up")
    assert answer["reason"] == "the champion answers for the challenger: failed: KeyError"


def test_a_refused_challenger_never_disturbs_the_champion(tried: CaseClient, payments: PaymentWorld) -> None:
    folder = payments.release("7")
    payments.challenge("1", "7", 50)
    (folder / "model.json").write_text("{}")
    tried.follow()
    assert tried.online.releases.trial is None
    assert "release 7 was refused" in tried.online.releases.challenger.why
    answers = [tried.decide(key) for key in keys("refused", 6)]
    assert {(a["variant"], a["release"], a["reason"]) for a in answers} == {(CHAMPION, "1", None)}


def test_in_the_shadow_a_release_decides_again_without_any_consequence(
    tried: CaseClient,
    payments: PaymentWorld,
    logged_of: Callable[[CaseClient], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payments.release("8", msgspec.structs.replace(POLICY, steps=(From("review", at=100.0),)))
    payments.challenge("1", "8", 0)
    tried.follow()
    for name, value in (("_values", ShadowValues(a_second=1e9, waiting=1000)), ("_busy", lambda: False)):
        monkeypatch.setattr(tried.online.shadow, name, value)
    logged, today = logged_of(tried), day_of(tried.online.clock.now())
    waiting = tried.online.queue.facts(today)[2]
    amounts = {"shadow same": 20.0, "shadow other": 180.0, "shadow third": 20.0}
    for key, amount in amounts.items():
        answer = tried.decide(key, amount=amount, card_id="shadowed")
        assert (answer["variant"], answer["release"]) == (CHAMPION, "1")
    tried.online.shadow.stop()
    folder = payments.settings.of(payments.system).serving / "shadow"
    every = [row for path in folder.glob("*.jsonl") for row in map(orjson.loads, path.open("rb"))]
    rows = {row["asker"]: row for row in every if row["challenger"] == "8"}
    assert {key: row["changed"] for key, row in rows.items()} == {key: amount > 100 for key, amount in amounts.items()}
    assert {
        (r["champion"], r["challenger"], r["count"], r["rank_agreement"], r["score_shift"]) for r in rows.values()
    } == {("1", "8", 1, None, 0.0)}
    assert tried.online.queue.facts(today)[2] == waiting, "no place in the queue"
    recent = [logged[key]["served_features"][NAMES.index("card_60s")] for key in amounts]
    assert recent == [0.0, 1.0, 2.0], "each was counted once"
