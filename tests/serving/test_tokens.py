"""Impression tokens: what they say comes back, and nothing else is believed."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace

import pytest

from infra.errors import TokenRefused
from infra.marks import marks
from serving.tokens import Impression, Keys

NOW = 1_800_000_000
OURS = Keys({"0a0b0c0d": b"a" * 32, "01020304": b"b" * 32}, signing="0a0b0c0d")
SHOWN = Impression("1f" * 16, "reader", marks(["v3", "v9", "v1"]), "7", NOW, NOW + 3600)


def test_a_token_says_what_was_shown_to_whom() -> None:
    impression = OURS.verify(OURS.sign(SHOWN), NOW + 60)
    assert (impression.request_id, impression.user, impression.release) == (SHOWN.request_id, "reader", "7")
    assert impression.marks.tolist() == SHOWN.marks.tolist()
    assert [impression.shows(video) for video in ("v3", "v1", "v2", "")] == [True, True, False, False]


def test_a_page_of_twenty_costs_304_bytes() -> None:
    """What docs/serving.md says: ten bytes and a half an item."""
    page = replace(
        SHOWN, user="user-12345678", expires_at=NOW + 7 * 86_400, marks=marks(str(place) for place in range(20))
    )
    assert len(OURS.sign(page)) == 304


def test_no_character_of_a_token_can_be_changed() -> None:
    token = OURS.sign(SHOWN)
    for place, letter in enumerate(token):
        forged = token[:place] + ("A" if letter != "A" else "B") + token[place + 1 :]
        with pytest.raises(TokenRefused):
            OURS.verify(forged, NOW)


def respelt(token: str) -> str:
    """The same bytes in the other base64 alphabet."""
    return token.replace("-", "+").replace("_", "/")


WRONG = [
    ("empty", lambda token: ""),
    ("cut short", lambda token: token[:-4]),
    ("longer", lambda token: token + "AAAA"),
    ("padded", lambda token: token + "="),
    ("with a line's end", lambda token: token + "\n"),
    ("no base64", lambda token: "§" * 80),
    ("another version", lambda token: "Ag" + token[2:]),
    ("its head alone", lambda token: token[:8]),
]


@pytest.mark.parametrize(("why", "spoil"), WRONG, ids=[why for why, _ in WRONG])
def test_what_is_no_token_is_refused(why: str, spoil: object) -> None:
    with pytest.raises(TokenRefused):
        OURS.verify(spoil(OURS.sign(SHOWN)), NOW)  # type: ignore[operator]


def test_a_token_has_one_spelling() -> None:
    token = next(t for n in range(99) if "-" in (t := OURS.sign(replace(SHOWN, issued_at=NOW - n))))
    with pytest.raises(TokenRefused, match="no token"):
        OURS.verify(respelt(token), NOW)


def test_an_expired_token_is_refused() -> None:
    OURS.verify(OURS.sign(SHOWN), NOW + 3599)
    with pytest.raises(TokenRefused, match="expired at 2027"):
        OURS.verify(OURS.sign(SHOWN), NOW + 3600)


def test_a_token_signed_by_somebody_else_is_refused() -> None:
    others = Keys({"0a0b0c0d": b"z" * 32}, signing="0a0b0c0d")
    with pytest.raises(TokenRefused, match="forged or altered"):
        OURS.verify(others.sign(SHOWN), NOW)


def test_another_key_signs_and_both_verify_until_one_is_gone() -> None:
    """The order of a rotation: known, signing, then the old one forgotten."""
    before = OURS.sign(SHOWN)
    after = replace(OURS, signing="01020304")
    assert after.verify(before, NOW) is not None
    assert OURS.verify(after.sign(SHOWN), NOW) is not None, "workers change over one after the other"
    with pytest.raises(TokenRefused, match="key 0a0b0c0d"):
        Keys({"01020304": b"b" * 32}, signing="01020304").verify(before, NOW)


def test_a_token_cannot_claim_another_key() -> None:
    raw = urlsafe_b64decode(OURS.sign(SHOWN) + "==")
    claimed = urlsafe_b64encode(raw[:1] + bytes.fromhex("01020304") + raw[5:]).rstrip(b"=").decode()
    with pytest.raises(TokenRefused, match="forged or altered"):
        OURS.verify(claimed, NOW)
