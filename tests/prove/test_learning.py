"""Section `learning` on a shop whose truth is known."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "training"))  # where `shop` is found

from shop import NAMES, TASK, made

from infra.statistics import Interval
from tests.prove.learning import LEARNED, finding, proof

RATE, _, TASTE, MOOD, _ = range(len(NAMES))
OUTCOMES = tuple(replace(o, value=float(o.name == "bought")) for o in TASK.outcomes)
SMALL = replace(
    TASK,
    outcomes=OUTCOMES,
    contenders=(TASK.contenders[0], replace(LEARNED[0], name="trees", max_trees=10)),
    draws=30,
)
FEW = tuple(replace(c, max_trees=20, params={**c.params, "eta": 0.3, "nthread": 1}) for c in LEARNED)


def test_the_section_names_every_way_to_learn_and_holds_where_all_beat_the_best_column() -> None:
    shop = made()
    known = np.nan_to_num(shop.matrix)
    truth = 1 / (1 + np.exp(1.5 - 2 * known[:, RATE] - 1.5 * known[:, TASTE] * known[:, MOOD]))
    section = proof(shop, SMALL, truth, FEW, ages=(0, 1))
    assert section.passed
    for name in ("LambdaMART", "value of all outcomes", "### Seed noise", "### Staleness", "| 1 d |"):
        assert name in section.text
    against_truth = proof(shop, SMALL, -truth, FEW[:1], ages=(0,))
    assert not against_truth.passed, "who orders against the truth does not hold, however good by labels"


@pytest.mark.parametrize(
    ("interval", "says"),
    [
        (Interval(0.1, 0.05, 0.15, 9), "truly better"),
        (Interval(-0.1, -0.15, -0.05, 9), "truly worse"),
        (Interval(0.0, -0.1, 0.1, 9), "no difference"),
    ],
)
def test_the_finding_follows_the_interval(interval: Interval, says: str) -> None:
    assert says in finding({"x": interval}, ["x"])
