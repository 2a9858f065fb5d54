"""A Bloom filter knows every pair it met, and takes one stranger in a thousand for one of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.records import bloom
from infra.marks import marks

WORDS = st.text(max_size=8)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=20), st.lists(st.tuples(WORDS, WORDS), max_size=20))
def test_who_was_met_is_known_whoever_was_met_since(met: list[tuple[str, str]], since: list[tuple[str, str]]) -> None:
    bits = np.zeros(bloom.BLOOM_BYTES, dtype=np.uint8)
    for pairs in (met, since):
        bloom.bloom_add(bits, marks(one for one, _ in pairs), marks(other for _, other in pairs))
    for one, other in met:
        assert bloom.bloom_holds(bits, marks([one]), marks([other])).all()


def test_few_strangers_are_taken_for_somebody() -> None:
    """Nine million pairs of the same three thousand on both sides: what is alike must not lie together."""
    bits, ones, others = np.zeros(bloom.BLOOM_BYTES, dtype=np.uint8), words("u", 3000), words("c", 3000)
    for one in np.split(ones, 30):
        bloom.bloom_add(bits, np.repeat(one, len(others)), np.tile(others, len(one)))
    assert bloom.bloom_holds(bits, ones[:1], others).all()
    strangers = words("c", 203_000)[3000:]
    for asked in (ones[7:8], words("v", 1), others[7:8]):
        assert 0.0005 < bloom.bloom_holds(bits, asked, strangers).mean() < 0.0015


def test_a_pair_has_a_first_and_a_second() -> None:
    bits = np.zeros(bloom.BLOOM_BYTES, dtype=np.uint8)
    bloom.bloom_add(bits, marks(["u1", "u2"]), marks(["c1", "c2"]))
    assert bloom.bloom_holds(bits, marks(["u1"]), marks(["c1", "c2", "u1"])).tolist() == [True, False, False]
    assert not bloom.bloom_holds(bits, marks(["c1"]), marks(["u1"])).any()


def words(kind: str, count: int) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    return marks(f"{kind}{i}" for i in range(count))
