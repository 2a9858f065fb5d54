"""Retention: every dataset has an age, and what is older is removed; a check says what lies there all the same."""

from orchestration.retention.job import DONE_HEAD, HEAD, Kept, retain, too_old

__all__ = ["DONE_HEAD", "HEAD", "Kept", "retain", "too_old"]
