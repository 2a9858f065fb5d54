"""Pools: a source gives what its pool has room for, and a page without its asker comes from sources for anybody."""

from msgspec.structs import replace

from serving.definition import PoolValues
from serving.page import retrieve
from serving.page.eligibility import Filters
from serving.page.offers import PoolBuilder, offered
from serving.systems.home_feed import RELEASE
from tests.serving.memory import NOW, ask, described

ALL = {f"v{i}": {"uploaded_at": int(NOW) - 60 * (i + 1)} for i in range(9)}


def test_a_source_gives_no_more_than_its_pool_has_room_for() -> None:
    states = described(**ALL)
    pools = PoolBuilder(states, PoolValues(fresh=3)).pools(RELEASE, Filters(RELEASE.filters, states), NOW)
    [fresh] = [source for source in RELEASE.sources if source.name == "fresh"]
    assert states.names(offered(ask(states, pools=pools), fresh, 9)) == ["v0", "v1", "v2"]


def test_a_page_without_its_asker_comes_from_sources_for_anybody() -> None:
    states = described(**ALL)
    unhurried = replace(RELEASE, sources=tuple(replace(source, deadline_ms=60_000) for source in RELEASE.sources))
    candidates = retrieve.candidates_without_user(ask(states, policy=unhurried))
    for_anybody = {source.name for source in RELEASE.sources if source.for_anybody}
    assert len(candidates.rows) == len(ALL)
    assert set(candidates.names(unhurried)) <= for_anybody == {"trending", "fresh"}
