"""The section on rings of users, on a tiny platform: what it claims holds there, too."""

from pathlib import Path

from orchestration.sources.simulator import TINY
from tests.prove.influence import measure


def test_fifty_views_of_each_user_move_a_video_as_far_as_one_and_are_named(tmp_path: Path) -> None:
    proof = measure(tmp_path, TINY, shares=(0.05,))
    assert proof.passed, proof.text
    assert "| 5.0% | 10 | of their own, in use | 50 |" in proof.text
