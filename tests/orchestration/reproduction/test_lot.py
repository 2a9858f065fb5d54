"""What was drawn by lot is drawn again from the request's id: shuffled pages, explored places, items found by lot."""

from msgspec.structs import replace

from orchestration.reproduction.answer_log import LoggedAnswer
from orchestration.reproduction.lot import redrawn
from serving.definition import PoolValues
from serving.page.eligibility import Filters
from serving.page.offers import PoolBuilder
from serving.steps import Shuffle
from tests.serving.memory import NOW
from tests.serving.page.test_whole_draw import POLICY, catalogue, drawn

SHARE = 0.3  # of places that are explored, and of pages that are shuffled
LOTS = ("exploration",)


def test_pages_of_every_lot_agree_with_the_log_and_a_changed_propensity_does_not() -> None:
    states, policy = catalogue(), replace(POLICY, steps=(POLICY.steps[0], Shuffle(SHARE), POLICY.steps[1]))
    pools = PoolBuilder(states, PoolValues()).pools(policy, Filters(policy.filters, states), NOW)
    by_lot, from_lots = 0, 0
    for seed in range(40):
        names, propensities = drawn(states, pools, seed, policy)
        rows = [
            {"position": place, "propensity": float(p), "source": "exploration" if name[0] == "r" else "other"}
            for place, (name, p) in enumerate(zip(names, propensities.tolist(), strict=True), start=1)
        ]
        differences, (note,) = redrawn(LoggedAnswer(f"{seed:032x}", tuple(rows), "the log"), SHARE, SHARE, LOTS)
        assert not differences
        by_lot += "the order was drawn by lot" in note
        from_lots += any(row["source"] == "exploration" for row in rows)
        ranked = max(rows, key=lambda row: float(row["propensity"]))  # half of a drawn one is as if n were double
        ranked["propensity"] /= 2
        assert redrawn(LoggedAnswer(f"{seed:032x}", tuple(rows), "the log"), SHARE, SHARE, LOTS)[0], names
    assert 4 <= by_lot <= 20
    assert from_lots > 5
