"""The home feed's ranking policy: where candidates come from, what may be shown, and what a page looks like."""

from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from serving.definition import ApiNames, Policy, ReleasePolicy, RequestLimits, Served, ServiceLimits, ServicePolicy
from serving.filters import AtMost, NotBlocked, OneOf, Reaches
from serving.sources import Fresh, Liked, Nearest, Rare, Trending
from serving.steps import Caps, Diversity, Exploration, FreshSlots
from validation.systems.home_feed import AGES, DEVICES, ENGAGEMENTS, IMPRESSIONS, NAME, USER, VIDEO

CREATOR, CATEGORY = "video_profile.creator_id", "video_profile.category"
SHOWN, FEW = "video.shown_30d", 30  # a video shown less often is hardly known yet

SERVICE = ServicePolicy(  # a change takes effect with a deployment
    name=NAME,
    user="user_id",
    item="video_id",
    item_view="video_profile",
    names=ApiNames(
        user=USER,
        item=VIDEO,
        items="video_ids",
        context={"device": DEVICES, "region": ()},
    ),
    limits=ServiceLimits(user_ms=30),
)

RELEASE = ReleasePolicy(  # a change takes effect with the promotion of a release
    user_view="user_profile",
    shelf="region",
    born="video_profile.uploaded_at",
    trending="video.long_view_1d",
    account=OneOf("user_profile.status", ("active",)),
    sources=(
        Nearest(name="personal", quota=120, deadline_ms=10),
        Liked(
            name="followed",
            quota=60,
            field=CREATOR,
            counter="user_choice.follow_3650d",
            groups=60,
            above=0.5,
            newest=True,
        ),
        Liked(
            name="creator_affinity",
            quota=80,
            field=CREATOR,
            counter="user_creator.long_view_30d",
            groups=20,
            newest=True,
        ),
        Liked(name="category_affinity", quota=120, field=CATEGORY, counter="user_category.long_view_30d", groups=5),
        Trending(name="trending", quota=60, attribute="region", locally="region_category.long_view_7d"),
        Fresh(name="fresh", quota=40, within_s=48 * 3600),
        Rare(name="exploration", quota=20, exposure=SHOWN, below=FEW),
    ),
    filters=(
        OneOf("video_profile.status", ("live",)),
        Reaches("video_profile.regions", "region"),
        AtMost("video_profile.age_rating", "age_group", AGES),
        NotBlocked(CREATOR, "user_choice.block_3650d"),
    ),
    steps=(
        Diversity(weight=0.5, depth=60),
        Caps({CREATOR: 2, CATEGORY: 8}),
        FreshSlots(places=2, of=20, within_s=24 * 3600),
        Exploration(share=0.05, exposure=SHOWN, below=FEW),
    ),
    limits=RequestLimits(request_ms=180, lowest_share=0.005),
)

HOME_FEED = Policy(SERVICE, RELEASE)

SERVED = Served(policy=HOME_FEED, features=FEATURES, impressions=IMPRESSIONS, events=ENGAGEMENTS)
