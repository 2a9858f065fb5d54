"""What one user adds to an item is capped, a new account adds less, and who pushes an item is named."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from radio import DAYS, RADIO, SONG, TABLES, Rows, lake_of, made_songs, play

from feature_repo.definition import Influence
from feature_repo.event_sources import sources
from feature_repo.folding import publish_states
from infra.errors import DefinitionError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NEW = Influence("listener", "song", "if(listener LIKE 'new %', 0.2, 1)")


def within_an_hour(count: int, song: str, listener: str, first: int) -> Rows:
    """So many plays of a song, a minute apart; `{}` in the listener is the number of the play."""
    return [play(first + i, listener.format(i), song, 1.0, 5 + i / 60, 5 + i / 60) for i in range(count)]


def test_a_user_counts_once_a_day_and_a_new_account_a_fifth_and_both_are_told_of(
    spark: "SparkSession", tmp_path: Path
) -> None:
    one_user = within_an_hour(50, "song 0", "old 0", 0)
    new_accounts = within_an_hour(50, "song 1", "new {}", 100)
    everybody = within_an_hour(50, "song 2", "old {}", 200)
    everybody += within_an_hour(10, "song 2", "new {}", 400)
    nobody_known = [row | {"listener": None} for row in within_an_hour(50, "song 3", "", 300)]
    next_day = [play(900, "old 0", "song 0", 1.0, 30, 30)]
    lake = lake_of(tmp_path, [[*one_user, *new_accounts, *everybody, *nobody_known, *next_day]], made_songs())
    features = replace(RADIO, counter_views=(replace(SONG, counts={"played": ("3650d",)}),), influence=NEW)
    facts = publish_states(spark, lake, features, TABLES, DAYS[0], DAYS[-1])
    states = lake.read("states/song").to_pandas().sort_values("published_at").groupby("song")["played_3650d"]
    assert states.last().round(1).to_dict() == {"song 0": 2, "song 1": 10, "song 2": 52, "song 3": 1}
    assert [burst.sentence() for burst in facts.bursts] == [
        "song 0 on 2026-03-01: 50 events of played by 1 users, 98% of them do not count: few users",
        "song 1 on 2026-03-01: 50 events of played by 50 users, 80% of them do not count: accounts that are trusted "
        "little, usual is 13%",
        "song 3 on 2026-03-01: 50 events of played by 1 users, 98% of them do not count: few users",
    ]


def test_a_view_that_is_capped_needs_a_cap_and_a_cap_columns_that_events_have() -> None:
    with pytest.raises(DefinitionError, match=r"song is capped. Say in `influence` how much counts"):
        replace(RADIO, influence=None)
    mistyped = replace(RADIO, influence=replace(NEW, who="listner"))
    with pytest.raises(DefinitionError, match=r"influence, events of signal played: `listner` is not .* `listener`"):
        sources(mistyped, TABLES)
