"""The section on rings of users, on a tiny platform: what it claims holds there, too."""

from pathlib import Path

from orchestration.sources.simulator import Scale
from tests.prove.influence import measure

ONE_DAY = Scale(users=100, videos=200, days=1, impressions=1_500, creators=20, categories=5, regions=2)


def test_fifty_views_of_each_user_move_a_video_as_far_as_one_and_are_named(tmp_path: Path) -> None:
    proof = measure(tmp_path, ONE_DAY, shares=(0.05,))
    assert proof.passed, proof.text
    assert "| 5.0% | 5 | of their own, in use | 50 |" in proof.text
