"""Building a release: its files, and the report of its training run."""

from training.release.build import build_release
from training.release.report import lacking, log_report

__all__ = ["build_release", "lacking", "log_report"]
