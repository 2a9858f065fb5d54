"""What the proof of leaks plants: every gate against leaks has a plant, and its table says what was not refused."""

from tests.prove.leak_plants import PLANTS, Planted
from tests.prove.leaks import GATES, Judged, proof
from validation.verdict import GateFinding, Verdict

LEAK = Planted("copied rows", "all of them", "repeats", PLANTS[0].plant)


def judged(*refused: str) -> Judged:
    return Judged(Verdict(tuple(GateFinding(gate, gate not in refused, 0.5, 1.0, "") for gate in GATES)))


def test_each_gate_has_a_leak_that_is_meant_for_it_and_kinds_are_many() -> None:
    assert {planted.gate for planted in PLANTS} >= {"nulls", "repeats", "encoding", "lift", "served"}
    assert len({planted.kind for planted in PLANTS}) >= 8
    assert len(PLANTS) >= 16


def test_a_leak_that_its_gate_lets_pass_fails_the_claim_and_is_shown() -> None:
    failed = proof(1_000, [(LEAK, judged("served"))], [judged()])
    assert not failed.passed
    assert "| copied rows | all of them | repeats | **no** | – |" in failed.text
    assert "1 of 1 planted leaks of 1 kinds were refused, 0 of them by the gate meant for them" in failed.text
    assert proof(1_000, [(LEAK, judged("repeats", "served"))], [judged()]).passed


def test_a_clean_set_that_a_gate_refuses_fails_the_claim() -> None:
    failed = proof(1_000, [(LEAK, judged("repeats"))], [judged(), judged("encoding")])
    assert not failed.passed
    assert "against leaks refused 1 of them" in failed.text
