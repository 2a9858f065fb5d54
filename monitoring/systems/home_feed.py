"""What the home feed watches: the features whose drift matters, and how much proof a retraining needs."""

from monitoring.definition import Watch

HOME_FEED_WATCH = Watch(
    # Tastes and reception that should be steady from day to day. Counts grow with traffic and ages with the calendar:
    # they are shown, and cause nothing.
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
