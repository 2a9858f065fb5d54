"""The arm of a request for a page: what it takes from its release."""

from serving.arms import Arm, Arms
from serving.definition import ReleasePolicy
from serving.model import NearestItems, Popular, Release

PageArm = Arm[Release, ReleasePolicy]
PageArms = Arms[Release, ReleasePolicy]


def nearest(arm: PageArm) -> NearestItems | None:
    """The release's embeddings."""
    return arm.release.nearest if arm.release else None


def lists(arm: PageArm) -> Popular | None:
    """The release's lists for moments when nothing can be scored."""
    return arm.release.popular if arm.release else None
