"""A holder of a card is erased: their payments, and what was disputed and reviewed of them, are nowhere."""

from pathlib import Path

from infra.settings import Settings
from orchestration import erasure
from orchestration.ingestion import ingest_path
from orchestration.sources.fraud import City, events
from orchestration.sources.kit import deliver_history
from orchestration.system import Installation
from orchestration.systems.fraud import FRAUD
from tests.person_search import places_with

CITY = City(cards=40, terminals=20, days=30, adapts=(12, 18, 24))


def test_an_erased_card_is_in_no_store_and_other_cards_stay(tmp_path: Path, redis_url: str) -> None:
    at = Installation(FRAUD, Settings(home=tmp_path / "home", system="fraud", redis_url=redis_url, pseudonyms=False))
    bank = events(CITY)
    deliver_history(bank, at.settings.landing, CITY.end)
    ingest_path(at, at.settings.landing, None, lambda _: None, history=True)
    disputed = bank.rows["disputes"]["card_id"].to_pylist()
    card, other = disputed[0], next(name for name in disputed if name != disputed[0])
    assert len(places_with(at.settings.home, [card], redis_url)) > 3, "it pays, is disputed, is described"
    before = len(places_with(at.settings.home, [other], redis_url))
    erasure.ask(at, [card], "holder", "asked in writing")
    line = erasure.erase(at)
    assert line is not None
    assert places_with(at.settings.home, [card], redis_url) == []
    assert len(places_with(at.settings.home, [other], redis_url)) == before
