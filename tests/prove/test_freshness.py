"""What the proof of freshness says: a claim that failed stands first, and both models stand side by side."""

import numpy as np

from infra.freshness import AS_PUBLISHED, Freshness
from monitoring import freshness
from orchestration.sources.simulator.scale import TINY
from tests.prove.freshness import Judged, differences, figures, head

NIGHTLY = Freshness(86_400, 3_600, basis="measured")
HALF, MORE = np.full(50, 0.5), np.full(50, 0.6)
JUDGED = Judged(said=(MORE, HALF), true=(HALF, HALF), users=np.arange(50))


def test_what_each_model_promised_too_much_is_the_difference_to_what_it_reached_as_served() -> None:
    fresh, served, gained = differences(JUDGED)
    assert (round(fresh.mean, 3), served.mean, gained.mean) == (0.1, 0, 0)
    lines = figures(JUDGED, NIGHTLY).splitlines()
    assert lines[2].endswith("| 0.6000 [0.6000, 0.6000] | 0.5000 [0.5000, 0.5000] | +0.1000 [+0.1000, +0.1000] |")
    assert lines[3].endswith("| 0.5000 [0.5000, 0.5000] | 0.5000 [0.5000, 0.5000] | +0.0000 [+0.0000, +0.0000] |")


def test_a_claim_that_did_not_hold_is_said_first() -> None:
    at = np.arange(10, dtype=np.int64)
    report = freshness.measure(at, at, {"user": at}, AS_PUBLISHED)
    text = head(TINY, NIGHTLY, report, 0.5, {"the rhythm is measured": False, "others": True})
    assert text.startswith("Did not hold: the rhythm is measured.\n\nA simulated platform of 3 days")
    assert "| user | 0.0% | 0:00:00 | 0:00:00 |" in text
