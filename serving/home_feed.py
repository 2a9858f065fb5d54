"""The home feed's ranking policy: where candidates come from, what may be shown, and what a page looks like."""

from feature_repo.home_feed import HOME_FEED as FEATURES
from serving.definition import (
    Caps,
    Diversity,
    Exploration,
    FreshSlots,
    Limits,
    Names,
    OneOf,
    Policy,
    Reaches,
    Served,
    Source,
)
from validation.home_feed import DEVICES, ENGAGEMENTS, IMPRESSIONS

HOME_FEED = Policy(
    name="home_feed",
    user="user_id",
    item="video_id",
    item_view="video_profile",
    user_view="user_profile",
    shelf="region",
    group="video_profile.category",
    born="video_profile.uploaded_at",
    trending="video.long_view_1d",
    affinity="user_category.long_view_30d",
    sources=(
        Source("affinity", "affinity", 250),
        Source("trending", "trending", 150),
        Source("fresh", "fresh", 100),
    ),
    filters=(
        OneOf("video_profile.status", ("live",)),
        Reaches("video_profile.regions", "region"),
    ),
    steps=(
        Diversity(weight=0.2, depth=60),
        Caps({"video_profile.creator_id": 2, "video_profile.category": 8}),
        FreshSlots(places=2, of=20, within_s=24 * 3600),
        Exploration(share=0.05, exposure="video.shown_30d", below=30),
    ),
    fresh_for_s=48 * 3600,
    groups=5,
    names=Names(
        user="user_id",
        item="video_id",
        items="video_ids",
        context={"device": DEVICES, "region": ()},
    ),
    limits=Limits(request_ms=180, user_ms=30, lowest_share=0.005),
)

SERVED = Served(policy=HOME_FEED, features=FEATURES, impressions=IMPRESSIONS, events=ENGAGEMENTS)
