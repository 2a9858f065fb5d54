"""The memory of what was shown that needs no Redis."""

from infra.marks import marks
from serving.asker.seen import ShownLately


def test_pages_add_up_until_their_time_is_over() -> None:
    shown = ShownLately(items=100, seconds=60)
    shown.add("u1", marks(["a", "b"]), now=0)
    shown.add("u1", marks(["c"]), now=50)
    assert shown.to("u1", 60).tolist() == marks(["a", "b", "c"]).tolist()
    assert shown.to("u1", 61).tolist() == marks(["c"]).tolist()
    assert shown.to("u2", 0).tolist() == []


def test_the_oldest_pages_and_users_are_forgotten_first() -> None:
    shown = ShownLately(items=4, seconds=60, users=2)
    for page in (["a", "b"], ["c", "d"], ["e", "f"]):
        shown.add("u1", marks(page), now=0)
    assert shown.to("u1", 0).tolist() == marks(["c", "d", "e", "f"]).tolist()
    for user in ("u2", "u3"):
        shown.add(user, marks(["a"]), now=0)
    assert [len(shown.to(user, 0)) for user in ("u1", "u2", "u3")] == [0, 1, 1]
