"""A release put together: its files, its report, and the candidate that the gates judged."""

from training.release.build import build_release
from training.release.report import lacking, log_report

__all__ = ["build_release", "lacking", "log_report"]
