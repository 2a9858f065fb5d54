"""Feedback: events taken in, impressions logged, and the landing files both are written to."""

from serving.feedback.attribution import Attribution
from serving.feedback.decision_log import DecisionLog
from serving.feedback.event_log import EventLog
from serving.feedback.impression_rows import VARIANT, ImpressionRows

__all__ = ["VARIANT", "Attribution", "DecisionLog", "EventLog", "ImpressionRows"]
