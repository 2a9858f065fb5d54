"""A release in memory: followed, tested in a child process, loaded, and scoring."""

from infra.release_format import Popular
from serving.definition import ReleasePolicy
from serving.model.case_release import CaseBuilder, CaseRelease, load_cases
from serving.model.challenger_follower import OnTrial
from serving.model.features import Builder
from serving.model.loaded_release import Release, load
from serving.model.nearest import NearestItems
from serving.model.recorded import RecordedRequest, RecordedRequests
from serving.model.recorded_cases import RecordedCase, RecordedCases
from serving.model.release_follower import ReleaseFollower
from serving.model.release_loader import LoadedRelease
from serving.model.scorer import Scorer, load_scorer
from serving.model.signed import SignedRegistry
from serving.model.trees import Trees

Releases = ReleaseFollower[Release, ReleasePolicy]

__all__ = [
    "Builder",
    "CaseBuilder",
    "CaseRelease",
    "LoadedRelease",
    "NearestItems",
    "OnTrial",
    "Popular",
    "RecordedCase",
    "RecordedCases",
    "RecordedRequest",
    "RecordedRequests",
    "Release",
    "ReleaseFollower",
    "Releases",
    "Scorer",
    "SignedRegistry",
    "Trees",
    "load",
    "load_cases",
    "load_scorer",
]
