"""What the freshness benchmark asks again and again, asked once: through the real service, stream and Redis."""

from pathlib import Path

from tests.bench.freshness import GIVEN_UP_S, action_felt, described, new_video
from tests.bench.live import live, redis_of


def test_a_new_video_is_ranked_and_an_action_is_felt(tmp_path: Path) -> None:
    with redis_of(tmp_path) as settings, live(settings.model_copy(update={"hand_over_s": 1.0}), "--every", "1") as at:
        described(at, 3, "users")
        described(at, 20, "videos")
        assert new_video(at) < GIVEN_UP_S
        assert action_felt(at, "users-1") < GIVEN_UP_S
