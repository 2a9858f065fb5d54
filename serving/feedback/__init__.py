"""Feedback: events taken in, impressions logged, and the landing files both are written to."""

from serving.feedback.attribution import Attribution
from serving.feedback.case_rows import DecisionRows
from serving.feedback.decision_log import DecisionLog
from serving.feedback.event_log import Event, EventLog
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
from serving.feedback.outcome_rows import OutcomeRows
from serving.feedback.page_trace import SCORED, SHOWN, PageTrace
from serving.feedback.page_traces import TRACES, PageTraces
from serving.feedback.verdict_rows import verdict_row

__all__ = [
    "FEATURES",
    "POSITION",
    "PROPENSITY",
    "RELEASE",
    "REQUEST",
    "RUNG",
    "SCORE",
    "SCORED",
    "SHOWN",
    "SOURCE",
    "TRACES",
    "VARIANT",
    "Attribution",
    "DecisionLog",
    "DecisionRows",
    "Event",
    "EventLog",
    "ImpressionRows",
    "OutcomeRows",
    "PageTrace",
    "PageTraces",
    "recover",
    "verdict_row",
]
