"""Keys that a description gives: an entity that was not described yet has no creator, whatever labels know of it."""

import numpy as np
import pandas as pd

from feature_repo.systems.home_feed import HOME_FEED_FEATURES
from training.rows.described import without_undescribed


def joined() -> pd.DataFrame:
    """Three rows; the video of the second and of the third was not described when they were joined."""
    known = pd.to_datetime(["2026-05-03T10:00:00Z", None, None])
    return pd.DataFrame({
        "creator_id": ["c", "c", "c"], "video_profile__known_at": known,
        "user_profile__known_at": pd.to_datetime(["2026-05-03T10:00:00Z"] * 3),
        "creator__shown_30d": [1.0, 2.0, 3.0], "creator__known_at": pd.to_datetime(["2026-05-03T10:00:00Z"] * 3),
        "user_category__shown_1h": [1.0, 2.0, 3.0], "user__shown_1h": [1.0, 2.0, 3.0],
    })  # fmt: skip


def test_fields_under_keys_of_an_undescribed_entity_are_unknown_and_others_stay() -> None:
    rows = without_undescribed(joined(), HOME_FEED_FEATURES, np.array([True, True, False]))
    assert rows["creator__shown_30d"].isna().tolist() == [False, True, False], (
        "the third was not joined with old states"
    )
    assert rows["creator__known_at"].isna().tolist() == [False, True, False]
    assert rows["user_category__shown_1h"].isna().tolist() == [False, True, False]
    assert rows["user__shown_1h"].tolist() == [1.0, 2.0, 3.0]


def test_rows_that_waited_for_nothing_stay_as_they_are() -> None:
    pd.testing.assert_frame_equal(without_undescribed(joined(), HOME_FEED_FEATURES, np.zeros(3, dtype=bool)), joined())
