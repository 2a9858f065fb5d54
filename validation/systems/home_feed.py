"""The home feed's four tables, and what a ranker of it must prove."""

from datetime import timedelta

from validation.contract import Column, Rule, Table
from validation.definition import BatchLimits, GateLimits

NAME, USER, VIDEO = "home_feed", "user_id", "video_id"  # all that a small command needs of this system
ACTIONS = ("click", "watch", "like", "comment", "share", "follow", "hide", "report", "block")
DEVICES = ("phone", "tablet", "tv", "desktop")
STATUSES = ("live", "private", "removed")
ACCOUNTS = ("active", "deleted")
UNKNOWN_LANGUAGE = "und"  # as ISO 639-2 writes it; features read it as null
AGES = ("0", "13", "16", "18")  # years, ascending: the least age of a rating, and the age that a group has reached

RECEIVED_AFTER_EVENT = Rule(
    "received_after_event", "received_at >= event_time", "nothing is known before it happens: a clock is wrong"
)

VIDEOS = Table(
    name="videos",
    row="one video as described at event_time",
    owner="catalogue team",
    key=("video_id",),
    event_time="event_time",
    received_time="received_at",
    versioned=True,
    columns=(
        Column("video_id", "string", "id of the video"),
        Column("creator_id", "string", "who published it; never changes"),
        Column("category", "string", "main topic; never changes"),
        Column(
            "duration_s",
            "float32",
            "length; null or 0 when it is unknown",
            "s",
            0,
            86_400,
            nullable=True,
            max_null=1.0,
            warn_null=0.7,
        ),
        Column("language", "string", f"ISO 639-1 code of the spoken language, `{UNKNOWN_LANGUAGE}` when unknown"),
        Column("regions", "strings", "regions it may be shown in; empty means everywhere"),
        Column("uploaded_at", "timestamp", "when it was published"),
        Column("status", "string", "whether it may be shown; of a deleted creator: `removed`", one_of=STATUSES),
        Column(
            "age_rating",
            "string",
            "least age of those it may be shown to; null: not rated yet, and shown to nobody",
            one_of=AGES,
            nullable=True,
        ),
        Column("event_time", "timestamp", "when this description became true"),
        Column("received_at", "timestamp", "when we received it"),
    ),
    rules=(
        RECEIVED_AFTER_EVENT,
        Rule("described_after_upload", "event_time >= uploaded_at", "a video is not described before it is published"),
    ),
    limits=BatchLimits(max_null=0.7, fresh_within=timedelta(days=3650)),
)

USERS = Table(
    name="users",
    row="one user as described at event_time; no raw personal data",
    owner="identity team",
    key=("user_id",),
    person=USER,
    gone=("status", "deleted"),
    event_time="event_time",
    received_time="received_at",
    versioned=True,
    columns=(
        Column("user_id", "string", "pseudonym of the user"),
        Column("signup_at", "timestamp", "when the account was made"),
        Column("region", "string", "region of the account"),
        Column("language", "string", f"ISO 639-1 code of the preferred language, `{UNKNOWN_LANGUAGE}` when unknown"),
        Column("device", "string", "the device class used most", one_of=DEVICES),
        Column(
            "age_group",
            "string",
            "the highest of these ages that the user has reached; null: unknown, counted as the youngest",
            one_of=AGES,
            nullable=True,
        ),
        Column(
            "status", "string", "whether the account still exists; nothing of a deleted one is used", one_of=ACCOUNTS
        ),
        Column("event_time", "timestamp", "when this description became true"),
        Column("received_at", "timestamp", "when we received it"),
    ),
    rules=(
        RECEIVED_AFTER_EVENT,
        Rule("described_after_signup", "event_time >= signup_at", "an account is not described before it exists"),
    ),
    limits=BatchLimits(max_null=1.0, fresh_within=timedelta(days=3650)),
)

IMPRESSIONS = Table(
    name="impressions",
    row="one video shown in one feed answer",
    owner="feed team",
    key=("request_id", "video_id"),
    person=USER,
    event_time="event_time",
    received_time="received_at",
    columns=(
        Column("request_id", "string", "id of the feed answer"),
        Column("video_id", "string", "the video shown", refers_to="videos"),
        Column("user_id", "string", "pseudonym of the user", refers_to="users"),
        Column("event_time", "timestamp", "when it was shown"),
        Column("received_at", "timestamp", "when we received it"),
        Column(
            "position",
            "int32",
            "place in the feed, 1 is the top; null: not logged",
            low=1,
            high=1000,
            nullable=True,
            logged=True,
        ),
        Column("device", "string", "device class of this request", one_of=DEVICES, logged=True),
        Column("variant", "string", "the policy or experiment arm that ranked it"),
        Column("release", "string", "version of the release that ranked it; null when none did", nullable=True),
        Column("served_by", "string", "rung of the ladder that the answer came from", nullable=True),
        Column("source", "string", "the first source that offered it as a candidate; null: not logged", nullable=True),
        Column("propensity", "float32", "probability with which it was shown at this place", None, 0, 1, nullable=True),
        Column("score", "float32", "score that the release gave it; null: none did, or not logged", nullable=True),
        Column("served_features", "floats", "features as served, in the order of the release", nullable=True),
    ),
    rules=(RECEIVED_AFTER_EVENT,),
    limits=BatchLimits(max_null=1.0),
)

ENGAGEMENTS = Table(
    name="engagements",
    row="one action of one user on one video",
    owner="feed team",
    key=("event_id",),
    person=USER,
    event_time="event_time",
    received_time="received_at",
    columns=(
        Column("event_id", "string", "unique id given by the client; the same id twice is the same event"),
        Column("request_id", "string", "feed answer it came from; null outside of a feed", nullable=True),
        Column("user_id", "string", "pseudonym of the user", refers_to="users"),
        Column("video_id", "string", "the video acted on", refers_to="videos"),
        Column("action", "string", "what the user did; `follow` and `block` concern the creator", one_of=ACTIONS),
        Column(
            "watch_seconds", "float32", "seconds watched; null unless action is watch", "s", 0, 86_400, nullable=True
        ),
        Column(
            "long_view",
            "bool",
            "whether the watch was long, as the player says; null: decided from watch_seconds",
            nullable=True,
        ),
        Column("event_time", "timestamp", "when it happened; for a watch, when the video was shown"),
        Column("received_at", "timestamp", "when we received it: for a watch, after it has ended"),
    ),
    rules=(
        RECEIVED_AFTER_EVENT,
        Rule(
            "watch_has_seconds",
            "(action != 'watch') | watch_seconds.notnull()",
            "a watch without a length says nothing",
        ),
    ),
    limits=BatchLimits(max_null=1.0),
)

TABLES = (VIDEOS, USERS, IMPRESSIONS, ENGAGEMENTS)

RANKER_LIMITS = GateLimits(baselines=("popularity", "recency"), min_perturbed=50)
