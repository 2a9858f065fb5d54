"""Judging: the evidence for the gates, and faults planted to test that they refuse."""

from training.judging.faults import planted_column
from training.judging.fresher import Fresher, worth_of_fresher
from training.judging.judge import BatchesBehind, BestRelease, TrainingRun, judge_candidate, settle_on_baseline
from training.judging.replayed import LoggedFeatures, Replay, Replayed

__all__ = [
    "BatchesBehind",
    "BestRelease",
    "Fresher",
    "LoggedFeatures",
    "Replay",
    "Replayed",
    "TrainingRun",
    "judge_candidate",
    "planted_column",
    "settle_on_baseline",
    "worth_of_fresher",
]
