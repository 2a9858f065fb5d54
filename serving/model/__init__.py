"""A release in memory: followed, tested in a child process, loaded, and scoring."""

from infra.release_format import Popular
from serving.model.loaded_release import Release
from serving.model.nearest import NearestItems
from serving.model.recorded import RecordedRequest, RecordedRequests
from serving.model.release_follower import Releases
from serving.model.scorer import load_scorer
from serving.model.trees import Trees

__all__ = [
    "NearestItems",
    "Popular",
    "RecordedRequest",
    "RecordedRequests",
    "Release",
    "Releases",
    "Trees",
    "load_scorer",
]
