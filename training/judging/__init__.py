"""Judging: the evidence for the gates, and faults planted to test that they refuse."""

from training.judging.faults import planted_column
from training.judging.judge import BatchesBehind, BestRelease, TrainingRun, judge_candidate, settle_on_baseline

__all__ = ["BatchesBehind", "BestRelease", "TrainingRun", "judge_candidate", "planted_column", "settle_on_baseline"]
