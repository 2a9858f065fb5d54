"""The verdict: it travels as JSON, people read it as a table, and a gate without an answer is closed."""

import msgspec
import pytest

from validation.verdict import GATES, GateFinding, Verdict

PASSED = Verdict(tuple(GateFinding(gate, True, None, None, "good") for gate in GATES), "digest", "3")


def test_a_verdict_survives_its_journey_and_a_gate_never_asked_is_closed():
    assert PASSED.passed
    assert Verdict.from_json(PASSED.to_json()) == PASSED
    partial = Verdict(PASSED.findings[:-1])
    assert not partial.passed
    assert partial.reasons() == ["signature gate: it has no finding, which counts as a refusal"]
    assert not Verdict(()).passed


def test_a_verdict_written_before_the_best_release_was_kept_names_none():
    old = Verdict.from_json(
        b'{"findings": [{"gate": "data", "passed": true, "measured": 1.0, "limit": null, "reason": "good"}]}'
    )
    assert old.best == ""
    assert not old.findings[0].undecided


@pytest.mark.parametrize("text", ["{}", "[]", '{"findings": [{"gate": "data", "passed": "yes"}]}', "nonsense"])
def test_what_is_no_verdict_is_not_read_as_one(text):
    with pytest.raises(msgspec.MsgspecError):
        Verdict.from_json(text)


def test_people_read_a_table():
    verdict = Verdict((GateFinding("data", False, 10.0, 1_000.0, "10 rows | too few"),))
    assert verdict.table() == [("data", "REFUSED", "10", "1,000", "10 rows | too few")]
    assert "10 rows \\| too few" in verdict.table_md()


def test_a_verdict_on_an_objective_nobody_knows_stays_closed():
    every = tuple(GateFinding(gate, True, None, None, "good") for gate in (*GATES, "caps"))
    unknown = Verdict.from_json(Verdict(every, "digest", objective="rnak").to_json())
    assert not unknown.passed
    assert unknown.reasons() == ["objective gate: it has no finding, which counts as a refusal"]
    assert not Verdict(every[:-1], "digest", objective="classify").passed, "caps were never asked"
