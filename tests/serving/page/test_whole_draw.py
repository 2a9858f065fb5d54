"""The whole draw: what is found by lot and then put on a page by lot, many times over, against what is logged."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from infra.errors import DefinitionError
from serving.definition import Policy, PoolValues
from serving.items import ItemStates
from serving.page import retrieve, slate
from serving.page.eligibility import Filters
from serving.page.offers import PoolBuilder, Pools
from serving.sources import Fresh, Rare, Trending
from serving.steps import Caps, Exploration, Shuffle
from serving.systems.home_feed import CATEGORY, RELEASE, SERVICE
from tests.serving.memory import NOW, ask, asker, described, take

POOLS, DRAWS, LIMIT = 100, 5_000, 6
RARE, FRESH, TRENDING = 90, 8, 12
SHOWN = "video.shown_30d"
POLICY = replace(
    RELEASE,
    sources=(
        Trending(name="trending", quota=TRENDING, attribute="region", locally="region_category.long_view_7d",
                 deadline_ms=1e5),
        Fresh(name="fresh", quota=FRESH, within_s=3600, deadline_ms=1e5),
        Rare(name="exploration", quota=9, exposure=SHOWN, below=30, deadline_ms=1e5),
    ),
    steps=(Caps({CATEGORY: 3}), Exploration(0.3, SHOWN, 30)),
)  # fmt: skip
SCORES = {"r": 200, "t": 100, "f": 0}
ELSEWHERE = 3  # every third rare video may not be shown here: how many of a window may be is left to chance


def catalogue() -> ItemStates:
    """Videos that trend, new ones that few have seen, and old ones that few have seen, some not for this region."""
    topics = ("music", "news", "cooking")
    trending = {f"t{i}": {"category": topics[i % 3], "uploaded_at": int(NOW) - 90_000} for i in range(TRENDING)}
    fresh = {f"f{i}": {"category": topics[i % 3], "uploaded_at": int(NOW) - 60 - i} for i in range(FRESH)}
    rare = {
        f"r{i}": {"category": topics[i % 3], "uploaded_at": int(NOW) - 80_000,
                  "regions": ["DE"] if i % ELSEWHERE == 0 else []} for i in range(RARE)
    }  # fmt: skip
    states = described(**trending, **fresh, **rare)
    shown = {(name,): {"long_view_1d": 100.0, "shown_30d": 500.0} for name in trending}
    take(states, "video", {**shown, **{(name,): {"long_view_1d": 0.1, "shown_30d": 1.0} for name in (*fresh, *rare)}})
    return states


def drawn(states: ItemStates, pools: Pools, seed: int, policy: Any = POLICY) -> tuple[list[str], np.ndarray]:
    """One page of the service's own code, and its propensities. What is found by lot has the best scores."""
    request = ask(states, asker(region="FR", age_group="18"), policy, pools=pools, seed=seed)
    candidates = retrieve.candidates(request)
    names = states.names(candidates.rows)
    scores = np.float32([SCORES[name[0]] - int(name[1:]) for name in names])
    how: dict[str, Any] = {"limit": LIMIT, "now": NOW, "seed": seed, "lot": candidates.lot}
    page = slate.arranged(policy, candidates.block, scores, None, **how)
    return [names[place] for place in page.places.tolist()], page.propensities


@pytest.fixture(scope="module")
def draws() -> list[tuple[list[str], np.ndarray]]:
    """Many draws of one request; pools are made anew all the time, and hold half of the videos that few have seen."""
    states = catalogue()
    builder = PoolBuilder(states, PoolValues(rare=(RARE + FRESH) // 2))
    pools = [builder.pools(POLICY, Filters(POLICY.filters, states), NOW + second) for second in range(POOLS)]
    rng = np.random.default_rng(11)
    return [drawn(states, pools[i % POOLS], int(rng.integers(1 << 62))) for i in range(DRAWS)]


def test_the_logged_propensity_is_the_frequency_of_the_whole_draw(draws: list[tuple[list[str], np.ndarray]]) -> None:
    logged: dict[tuple[str, int], list[float]] = {}
    for names, propensities in draws:
        for place, (name, propensity) in enumerate(zip(names, propensities.tolist(), strict=True)):
            logged.setdefault((name, place), []).append(propensity)
    assert {name[0] for name, _ in logged} == {"t", "f", "r"}, "ranked ones, new ones, and ones found by lot"
    for (name, place), propensities in logged.items():
        p, times = 1 / np.mean(1 / np.array(propensities)), len(propensities)  # 1 / p has the right mean
        off = (times - DRAWS * p) / np.sqrt(DRAWS * p * (1 - p))
        assert abs(off) < 5 if DRAWS * p > 5 else times < 25, (name, place, times, DRAWS * p)


@pytest.mark.parametrize(("kind", "there"), [("r", RARE - RARE // ELSEWHERE), ("f", FRESH)])
def test_the_estimate_of_one_is_one(draws: list[tuple[list[str], np.ndarray]], kind: str, there: int) -> None:
    """Each video of the kind at each place is worth 1: weighted by 1 / propensity, a draw is worth 1 in the mean."""
    of_kind = [np.array([name[0] == kind for name in names]) for names, _ in draws]
    estimates = np.array([(1 / p)[mine].sum() for (_, p), mine in zip(draws, of_kind, strict=True)]) / (there * LIMIT)
    error = estimates.std() / np.sqrt(DRAWS)
    assert abs(estimates.mean() - 1) < 3 * error
    assert error < 0.05


def test_what_is_found_by_lot_moves_no_other_video(draws: list[tuple[list[str], np.ndarray]]) -> None:
    ranked = [[name if name[0] == "t" else None for name in names] for names, _ in draws]
    assert all(len({page[place] for page in ranked} - {None}) == 1 for place in range(LIMIT))


def test_a_page_that_the_others_cannot_fill_is_filled_by_lot() -> None:
    states = catalogue()
    policy = replace(POLICY, sources=(POLICY.sources[1], POLICY.sources[2]))
    pools = PoolBuilder(states, PoolValues()).pools(policy, Filters(policy.filters, states), NOW)
    request = ask(states, asker(region="FR", age_group="18"), policy, pools=pools, seed=None)
    candidates = retrieve.candidates(request)
    scores = np.zeros(len(candidates.rows), dtype=np.float32)
    page = slate.arranged(
        policy, candidates.block, scores, None, limit=10, now=NOW, seed=None, lot=candidates.lot
    )  # fmt: skip
    assert page.places[:FRESH].tolist() == list(range(FRESH))
    by_lot = page.propensities[FRESH:]
    np.testing.assert_allclose(by_lot, 9 / (RARE + FRESH), rtol=1e-6)
    assert len(by_lot) == 2


def test_a_source_after_the_lot_is_refused() -> None:
    """Its candidates would depend on what is drawn, and so would the chance of each."""
    with pytest.raises(DefinitionError, match="one Rare, put it last"):
        Policy(SERVICE, replace(POLICY, sources=POLICY.sources[::-1]))


def test_pages_in_random_order_are_as_frequent_as_logged_and_estimate_any_order() -> None:
    """A share of the pages is shuffled, places are explored, items are found by lot: all in one propensity."""
    states, share = catalogue(), 0.3
    policy = replace(POLICY, steps=(POLICY.steps[0], Shuffle(share), POLICY.steps[1]))
    pools = PoolBuilder(states, PoolValues()).pools(policy, Filters(policy.filters, states), NOW)
    times, logged, reversed_worth = Counter[tuple[str, int]](), {}, []
    for seed in range(2_000):
        names, propensities = drawn(states, pools, seed, policy)
        cells = [cell for cell in zip(names, range(LIMIT), strict=True) if cell[0][0] == "t"]
        times.update(cells)
        logged |= {(name, place): propensities[place] for name, place in cells}
        # The order that is best for t5 … t0 was never ranked: its value is known from the shuffled pages all the same.
        reversed_worth.append(sum(1 / propensities[place] for name, place in cells if name == f"t{LIMIT - 1 - place}"))
    assert len(logged) == LIMIT * LIMIT, "every ranked item was at every place"
    for cell, p in logged.items():
        assert abs(times[cell] - 2_000 * p) < 5 * np.sqrt(2_000 * p * (1 - p)), cell
    assert abs(np.mean(reversed_worth) - LIMIT) < 4 * np.std(reversed_worth) / np.sqrt(2_000)


def test_a_step_after_shuffle_is_refused() -> None:
    with pytest.raises(DefinitionError, match="only Exploration may follow Shuffle"):
        Policy(SERVICE, replace(RELEASE, steps=(Shuffle(0.1), *RELEASE.steps)))
    with pytest.raises(DefinitionError, match="Shuffle of 1 of the pages: write a share between 0 and 1"):
        Policy(SERVICE, replace(RELEASE, steps=(Shuffle(1.0),)))
