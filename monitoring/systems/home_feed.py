"""What is watched of the home feed, and how a release is tried on its users."""

from datetime import timedelta

from monitoring.definition import BusinessMeasure, Watch
from monitoring.trial import ByAnother, Guardrail, Holds, LookedUp, Measure, OfTheTop, Tally, TrialRules

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

FEW_MINUTES = timedelta(minutes=15)  # nearly all clicks have come by then
WINDOW = timedelta(minutes=40)  # a long view has, with its time to arrive
EVERY, PAGES = Tally(), Tally(each="request_id")

CLICKS = Measure(
    "click_rate", "videos shown that were opened",
    Tally(by="engagements", followed=(Holds("action", ("click",)),)), EVERY, known_after=FEW_MINUTES,
)  # fmt: skip
LONG_VIEWS = Measure(
    "long_views", "long views a page: of 30 seconds, to the end, or as the player says",
    Tally(
        by="engagements",
        followed=(
            Holds("long_view", (True,)),
            Holds("watch_seconds", least=30),
            Holds("watch_seconds", least_of="duration_s"),
        ),
    ),
    PAGES, known_after=WINDOW,
)  # fmt: skip
HIDES = Measure(
    "hides", "videos shown that were hidden or reported, or whose creator was blocked",
    Tally(by="engagements", followed=(Holds("action", ("hide", "report", "block")),)), EVERY, "lower", FEW_MINUTES,
)  # fmt: skip
LOWER_RUNGS = Measure(
    "lower_rungs", "pages from any rung but the full one",
    Tally((Holds("served_by", ("full",), negated=True),), each="request_id"), PAGES, "lower",
)  # fmt: skip
ERRORS = Measure(
    "errors", "pages that the variant's own release did not rank, because it failed or was late",
    Tally((ByAnother(),), each="request_id"), PAGES, "lower",
)  # fmt: skip
CONCENTRATION = Measure(
    "concentration", "videos shown that are of the 1 % of creators who were shown most before the trial",
    Tally((OfTheTop("creator_id", 0.01),)), EVERY, "lower",
)  # fmt: skip

HOME_FEED_TRIAL = TrialRules(
    asker="user_id",
    match=("request_id", "video_id"),
    looked_up=(
        LookedUp("creator_id", "videos", by="video_id"),
        LookedUp("duration_s", "videos", by="video_id"),
        LookedUp("region", "users", by="user_id"),
    ),
    goal=LONG_VIEWS,
    guardrails=(
        Guardrail(ERRORS, at_most=0.005, relative=False, tuned_to=0.02),
        Guardrail(LOWER_RUNGS, at_most=0.02, relative=False, tuned_to=0.05),
        Guardrail(CLICKS, at_most=0.02),
        Guardrail(CLICKS, at_most=0.03, slice="region"),
        Guardrail(HIDES, at_most=0.10, tuned_to=0.3),
        Guardrail(CONCENTRATION, at_most=0.25, tuned_to=0.3),
    ),
)
