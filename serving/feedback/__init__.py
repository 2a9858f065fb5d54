"""Feedback: events taken in, impressions logged, and the landing files both are written to."""

from serving.feedback.attribution import Attribution
from serving.feedback.decision_log import DecisionLog
from serving.feedback.event_log import EventLog
from serving.feedback.impression_rows import (
    FEATURES,
    POSITION,
    PROPENSITY,
    RELEASE,
    REQUEST,
    RUNG,
    SCORE,
    SOURCE,
    VARIANT,
    ImpressionRows,
)
from serving.feedback.landing_log import recover

__all__ = [
    "FEATURES",
    "POSITION",
    "PROPENSITY",
    "RELEASE",
    "REQUEST",
    "RUNG",
    "SCORE",
    "SOURCE",
    "VARIANT",
    "Attribution",
    "DecisionLog",
    "EventLog",
    "ImpressionRows",
    "recover",
]
