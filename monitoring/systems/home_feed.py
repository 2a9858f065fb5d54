"""What is watched of the home feed: the features whose drift may cause a retraining."""

from monitoring.definition import BusinessMeasure, Watch

HOME_FEED_WATCH = Watch(
    # Rates that should be steady from day to day. Counts change with traffic and ages with time: they are only shown.
    critical=(
        "user_click_rate_1d",
        "user_long_view_rate_1d",
        "user_watched_rate_1d",
        "video_click_rate_1d",
        "video_long_view_rate_1d",
        "category_long_view_rate_1d",
        "user_category_long_view_rate_30d",
        "video_duration",
        "device",
    ),
    business=(
        BusinessMeasure(
            "long_views",
            "watches of half a minute or more",
            "session",
            "engagements",
            "(action == 'watch') & (watch_seconds >= 30)",
        ),
        BusinessMeasure("seconds", "time watched", "session", "engagements", "action == 'watch'", of="watch_seconds"),
        BusinessMeasure(
            "rejected",
            "hidden, reported or blocked",
            "row",
            "engagements",
            "action in ('hide', 'report', 'block')",
            falls=False,
        ),
        BusinessMeasure(
            "videos_watched",
            "different videos watched",
            "person",
            "engagements",
            "action == 'watch'",
            distinct="video_id",
        ),
    ),
)
