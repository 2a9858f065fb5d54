"""What is watched of the home feed: the features whose drift may cause a retraining."""

from monitoring.definition import Watch

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
)
