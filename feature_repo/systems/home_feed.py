"""The home feed's features: what is counted, for which entities, with which half-lives, and what the ranker reads."""

from feature_repo.definition import RATE_STRENGTH, CounterView, FeatureSet, Influence, Lookup, ProfileView, Signal
from feature_repo.request_time import Age, Code, Context, Count, Feature, Hour, Match, Number, Rate
from validation.systems.home_feed import DEVICES, UNKNOWN_LANGUAGE

# Expressions over a description, null where the value is unknown; used wherever a length or a language is read.
LENGTH = "CASE WHEN duration_s > 0 THEN duration_s END"
LANGUAGE = f"nullif(language, '{UNKNOWN_LANGUAGE}')"
LENGTHS_S = (7, 12, 18, 30, 60, 120, 300)
LENGTH_CLASS = (
    f"CASE WHEN ({LENGTH}) IS NULL THEN 'unknown' "
    + " ".join(f"WHEN duration_s <= {s} THEN 'to_{s}s'" for s in LENGTHS_S)
    + " ELSE 'longer' END"
)
# Conditions on an event that has borrowed its video's length.
WATCH_OF_KNOWN_LENGTH = "action = 'watch' AND duration_s IS NOT NULL"
LONG_VIEW = "action = 'watch' AND coalesce(long_view, watch_seconds >= 30 OR watch_seconds >= duration_s, false)"

TEN_YEARS = "3650d"  # a counter that hardly decays: above one half, it was done

ENTITIES = {
    "user_id": "a user, by pseudonym",
    "video_id": "a video",
    "creator_id": "who published a video",
    "category": "main topic of a video",
    "region": "region of a user's account",
    "length_class": "how long a video is, in coarse steps",
}

LOOKUPS = (
    Lookup(
        "videos",
        "video_id",
        {
            "creator_id": "creator_id",
            "category": "category",
            "duration_s": LENGTH,
            "length_class": LENGTH_CLASS,
            "language": LANGUAGE,
        },
    ),
    Lookup("users", "user_id", {"region": "region", "signup_at": "signup_at"}),
)

SETTLED_S = 3 * 86_400  # an account so old counts in full, a new one a fifth, and in between more every hour
INFLUENCE = Influence(
    "user_id", "video_id", f"greatest(0.2, (unix_seconds(event_time) - unix_seconds(signup_at)) / {SETTLED_S})"
)

SIGNALS = (
    Signal("shown", "impressions", "the video was shown"),
    Signal("click", "engagements", "it was opened", "action = 'click'"),
    Signal("long_view", "engagements", "it was watched long", LONG_VIEW),
    Signal("watched", "engagements", "seconds, at most 120 a view", "action = 'watch'", "least(watch_seconds, 120)"),
    Signal("measured", "engagements", "a watch of a video whose length is known", WATCH_OF_KNOWN_LENGTH),
    Signal(
        "completed",
        "engagements",
        "share of the video watched, at most all of it",
        WATCH_OF_KNOWN_LENGTH,
        "least(watch_seconds / duration_s, 1)",
    ),
    Signal("praise", "engagements", "it was liked or the like", "action IN ('like', 'comment', 'share', 'follow')"),
    Signal("reject", "engagements", "hide, report or block", "action IN ('hide', 'report', 'block')"),
    Signal("follow", "engagements", "its creator was followed", "action = 'follow'"),
    Signal("block", "engagements", "its creator was blocked", "action = 'block'"),
)

COUNTER_VIEWS = (
    CounterView(
        "user",
        ("user_id",),
        {
            "shown": ("1h", "1d", "30d"),
            "click": ("1h", "1d", "30d"),
            "long_view": ("1h", "1d", "30d"),
            "watched": ("1h", "1d", "30d"),
            "measured": ("30d",),
            "completed": ("30d",),
            "praise": ("30d",),
            "reject": ("30d",),
        },
        "how much and how deeply a user watches",
    ),
    CounterView(
        "video",
        ("video_id",),
        {
            "shown": ("1h", "1d", "30d"),
            "click": ("1d", "30d"),
            "long_view": ("1h", "1d", "30d"),
            "watched": ("1d", "30d"),
            "measured": ("30d",),
            "completed": ("30d",),
            "praise": ("30d",),
            "reject": ("30d",),
        },
        "how a video is received",
        capped=True,
    ),
    CounterView(
        "creator",
        ("creator_id",),
        {
            "shown": ("30d",),
            "click": ("30d",),
            "long_view": ("30d",),
            "praise": ("30d",),
            "reject": ("30d",),
        },
        "how a creator's videos are received",
        capped=True,
    ),
    CounterView(
        "category", ("category",), {"shown": ("1d",), "long_view": ("1d",)}, "what topic is watched now", capped=True
    ),
    CounterView(
        "region_category",
        ("region", "category"),
        {"shown": ("7d",), "long_view": ("7d",)},
        "what topic is watched in a region",
        capped=True,
    ),
    CounterView(
        "user_category",
        ("user_id", "category"),
        {
            "shown": ("1h", "30d"),
            "click": ("30d",),
            "long_view": ("1h", "30d"),
            "watched": ("30d",),
            "reject": ("30d",),
        },
        "a user's taste for a topic",
    ),
    CounterView(
        "user_creator",
        ("user_id", "creator_id"),
        {"shown": ("30d",), "long_view": ("30d",), "praise": ("30d",)},
        "a user's taste for a creator",
    ),
    CounterView(  # a view of its own: a user meets thousands of creators, and no block among them may be lost
        "user_choice",
        ("user_id", "creator_id"),
        {"follow": (TEN_YEARS,), "block": (TEN_YEARS,)},
        "whom a user follows or blocks",
    ),
    CounterView(
        "length",
        ("length_class",),
        {"shown": ("7d",), "click": ("7d",), "long_view": ("7d",)},
        "how videos of a length are received",
        capped=True,
    ),
    CounterView(
        "user_length",
        ("user_id", "length_class"),
        {
            "shown": ("30d",),
            "click": ("30d",),
            "long_view": ("30d",),
            "watched": ("30d",),
        },
        "a user's taste for a length",
    ),
)

PROFILE_VIEWS = (
    ProfileView(
        "video_profile",
        "videos",
        ("video_id",),
        {
            "creator_id": ("String", "creator_id"),
            "category": ("String", "category"),
            "length_class": ("String", LENGTH_CLASS),
            "language": ("String", LANGUAGE),
            "regions": ("Array(String)", "regions"),
            "status": ("String", "status"),
            "age_rating": ("String", "age_rating"),
            "uploaded_at": ("Int64", "unix_seconds(uploaded_at)"),
            "duration_s": ("Float32", LENGTH),
        },
        "what a video is",
    ),
    ProfileView(
        "user_profile",
        "users",
        ("user_id",),
        {
            "region": ("String", "region"),
            "language": ("String", LANGUAGE),
            "device": ("String", "device"),
            "age_group": ("String", "age_group"),
            "status": ("String", "status"),
            "signup_at": ("Int64", "unix_seconds(signup_at)"),
        },
        "who a user is",
    ),
)


def _rates(view: str, signal: str, labels: tuple[str, ...], prior: float, per: str = "shown") -> tuple[Feature, ...]:
    return tuple(
        Rate(f"{view}_{signal}_rate_{label}", f"{view}.{signal}_{label}", f"{view}.{per}_{label}", prior, RATE_STRENGTH)
        for label in labels
    )


def _counts(view: str, signal: str, labels: tuple[str, ...]) -> tuple[Feature, ...]:
    return tuple(Count(f"{view}_{signal}_{label}", f"{view}.{signal}_{label}") for label in labels)


FEATURES: tuple[Feature, ...] = (
    *_counts("user", "shown", ("1h", "1d", "30d")),
    *_rates("user", "click", ("1h", "1d", "30d"), 0.5),
    *_rates("user", "long_view", ("1h", "1d", "30d"), 0.3),
    *_rates("user", "watched", ("1h", "1d", "30d"), 15.0),
    *_rates("user", "completed", ("30d",), 0.6, per="measured"),
    *_rates("user", "praise", ("30d",), 0.05),
    *_rates("user", "reject", ("30d",), 0.01),
    *_counts("video", "shown", ("1h", "1d", "30d")),
    *_counts("video", "long_view", ("1h", "1d")),
    *_rates("video", "click", ("1d", "30d"), 0.5),
    *_rates("video", "long_view", ("1h", "1d", "30d"), 0.3),
    *_rates("video", "watched", ("1d", "30d"), 15.0),
    *_rates("video", "completed", ("30d",), 0.6, per="measured"),
    *_rates("video", "praise", ("30d",), 0.05),
    *_rates("video", "reject", ("30d",), 0.01),
    *_counts("creator", "shown", ("30d",)),
    *_rates("creator", "click", ("30d",), 0.5),
    *_rates("creator", "long_view", ("30d",), 0.3),
    *_rates("creator", "praise", ("30d",), 0.05),
    *_rates("category", "long_view", ("1d",), 0.3),
    *_rates("region_category", "long_view", ("7d",), 0.3),
    *_counts("user_category", "shown", ("1h", "30d")),
    *_rates("user_category", "click", ("30d",), 0.5),
    *_rates("user_category", "long_view", ("1h", "30d"), 0.3),
    *_rates("user_category", "watched", ("30d",), 15.0),
    *_rates("user_category", "reject", ("30d",), 0.01),
    *_counts("user_creator", "shown", ("30d",)),
    *_rates("user_creator", "long_view", ("30d",), 0.3),
    *_rates("user_creator", "praise", ("30d",), 0.05),
    *_rates("length", "click", ("7d",), 0.5),
    *_rates("length", "long_view", ("7d",), 0.3),
    *_counts("user_length", "shown", ("30d",)),
    *_rates("user_length", "click", ("30d",), 0.5),
    *_rates("user_length", "long_view", ("30d",), 0.3),
    *_rates("user_length", "watched", ("30d",), 15.0),
    Age("video_age", "video_profile.uploaded_at"),
    Number("video_duration", "video_profile.duration_s"),
    Match("same_language", "user_profile.language", "video_profile.language"),
    Age("account_age", "user_profile.signup_at"),
    Hour("hour"),
    Code("device", DEVICES),
    Context("position", neutral=1.0),
)

HOME_FEED_FEATURES = FeatureSet(
    name="home_feed",
    version=2,
    owner="ranking team",
    entities=ENTITIES,
    lookups=LOOKUPS,
    signals=SIGNALS,
    counter_views=COUNTER_VIEWS,
    profile_views=PROFILE_VIEWS,
    features=FEATURES,
    ever_done=(f"user_choice.block_{TEN_YEARS}",),
    influence=INFLUENCE,
    never_read=("users.age_group", "users.status"),  # they decide what may be shown, not what is shown first
    publish_every_s=20,  # an action has effect within the minute; a third more states than with 60
)
