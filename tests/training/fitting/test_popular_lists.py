"""The lists of a release: nobody makes an item popular alone."""

from dataclasses import replace

import pandas as pd
from shop import AT, TASK, wares

from training.fitting import build_popular_lists


def test_of_the_gains_of_one_user_in_a_day_the_largest_counts() -> None:
    one_user = [("w1", "g1", 3, gain) for gain in (1.0, 3.0, 1.0, 1.0)] + [("w1", "g1", 30, 1.0)]
    two_users = [("w2", "g1", 3, 3.0), ("w2", "g2", 3, 2.0)]
    rows = pd.DataFrame(one_user + two_users, columns=["ware", "guest", "hours", "gain"])
    rows["event_timestamp"] = pd.Timestamp(AT) - pd.to_timedelta(rows["hours"], unit="h")
    lists = TASK.fallback_lists
    assert build_popular_lists(rows.assign(town="t0"), wares(), lists, AT).all[:2] == ["w1", "w2"]
    capped = build_popular_lists(rows.assign(town="t0"), wares(), replace(lists, user="guest"), AT)
    assert (capped.all[:2], capped.by_group["t0"][:2]) == (["w2", "w1"], ["w2", "w1"])
