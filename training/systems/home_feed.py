"""The home feed's ranker: what a good impression is, how models are compared, and what the winner carries with it."""

import math
from datetime import timedelta

from feature_repo.systems.home_feed import LONG_VIEW
from training.contenders import Boosted, ByColumn, Linear
from training.definition import (
    Between,
    Embedding,
    Exposure,
    FallbackLists,
    Outcome,
    Search,
    SliceDefinition,
    Split,
    Task,
)

OUTCOMES = (
    Outcome("is_click", "action = 'click'", "the video was opened"),
    Outcome("long_view", LONG_VIEW, "the video was watched long", gain=1, value=1),
    Outcome("like", "action = 'like'", "the video was liked", gain=2, value=1),
    Outcome("comment", "action = 'comment'", "the video was commented on", gain=2, value=1),
    Outcome("share", "action = 'share'", "the video was passed on", gain=3, value=2),
    Outcome("follow", "action = 'follow'", "its creator was followed", gain=3, value=2),
    Outcome(
        "reject",
        "action IN ('hide', 'report', 'block')",
        "it was hidden, reported or its creator blocked",
        veto=True,
        value=-1,
    ),
)

CONTENDERS = (
    ByColumn("popularity", "video_long_view_1d"),  # what popular lists are made of; a rate would be a model already
    ByColumn("recency", "video_age", descending=False),
    Linear(),
    Boosted(
        max_trees=250,
        patience=10,
        params={
            "eta": 0.15,
            "max_depth": 5,
            "min_child_weight": 20,
            "subsample": 0.8,
            "colsample_bytree": 0.5,
            "max_bin": 64,
        },
    ),
)

SLICES = (
    SliceDefinition("region", "region"),
    SliceDefinition("device", "device"),
    SliceDefinition("user_tenure", "account_age", (math.log1p(7 * 24),), ("new", "settled")),
    SliceDefinition("video_age", "video_age", (math.log1p(24),), ("new", "older")),
    SliceDefinition("activity", "user_shown_30d", (math.log1p(20), math.log1p(100)), ("light", "regular", "heavy")),
)

EXPOSURE = Exposure(
    maker="creator_id",
    slices=(
        SliceDefinition(
            "creator_size", "creator_shown_30d", (math.log1p(100), math.log1p(1000)), ("small", "middle", "large")
        ),
        SliceDefinition("video_language", "language"),
        SliceDefinition("region", "region"),
        SliceDefinition("activity", "user_shown_30d", (math.log1p(20), math.log1p(100)), ("light", "regular", "heavy")),
    ),
)

FALLBACK_LISTS = FallbackLists(
    item="video_id",
    profile="video_profile",
    group="region",
    fresh_by="uploaded_at",
    attributes=("status", "regions", "age_rating", "category", "creator_id", "uploaded_at"),
    eligible={"status": "live"},
    user="user_id",
)

EMBEDDING = Embedding(
    profile="video_profile",
    attributes=("category", "creator_id", "language", "length_class"),
    taste="user_category.long_view_30d",
    rank=32,
    regularisation=3.0,  # a user of the simulator has some twenty engagements: a smaller value overfits
)

SEARCH = Search(
    "xgboost",
    {
        "eta": Between(0.03, 0.3, log=True),
        "max_depth": Between(3, 8, integer=True),
        "min_child_weight": Between(5, 200, log=True),
        "subsample": Between(0.5, 1.0),
        "colsample_bytree": Between(0.3, 1.0),
        "lambda": Between(0.5, 100, log=True),
    },
)

TASK = Task(
    name="home_feed",
    decisions="impressions",
    outcomes_in="engagements",
    match=("user_id", "video_id"),
    exact=("request_id",),
    outcomes=OUTCOMES,
    target="long_view",
    unit="request_id",
    cluster="user_id",
    item="video_id",
    attribute="category",
    contenders=CONTENDERS,
    fallback_lists=FALLBACK_LISTS,
    embedding=EMBEDDING,
    search=SEARCH,
    logged_only=("position",),
    place="position",
    propensity="propensity",
    longest=timedelta(hours=2),  # of a watch: the catalogue's longest videos; a longer watch makes a new label version
    grace=timedelta(minutes=10),
    slices=SLICES,
    exposure=EXPOSURE,
    split=Split(
        fit=0.75, tune=0.15
    ),  # a tenth of millions of rows is enough to judge; a model learns most from the newest
)
