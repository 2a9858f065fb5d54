"""Makes broken files of sound ones, the same ones for the same seed."""

from collections.abc import Callable

import numpy as np

Random = np.random.Generator
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)


def bits_flipped(content: bytes, random: Random) -> bytes:
    """One to sixteen bits are others."""
    changed = bytearray(content)
    for place in random.integers(0, 8 * len(content), 1 + int(random.integers(16))).tolist():
        changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def truncated(content: bytes, random: Random) -> bytes:
    """The end is missing."""
    return content[: int(random.integers(len(content)))]


def another_length(content: bytes, random: Random) -> bytes:
    """Somewhere stands another whole number, as one of a length, a count or an index would."""
    size, order = int(random.choice([1, 2, 4, 8])), str(random.choice(["little", "big"]))
    number = int(EXTREMES[int(random.integers(len(EXTREMES)))]) & ((1 << 8 * size) - 1)
    place = int(random.integers(max(len(content) - size, 1)))
    return content[:place] + number.to_bytes(size, "big" if order == "big" else "little") + content[place + size :]


def swapped(content: bytes, random: Random) -> bytes:
    """Two blocks stand in each other's place."""
    first, second, third = sorted(random.integers(0, len(content) + 1, 3).tolist())
    return content[:first] + content[second:third] + content[first:second] + content[third:]


def repeated(content: bytes, random: Random) -> bytes:
    """A block stands there twice."""
    first, last = sorted(random.integers(0, len(content) + 1, 2).tolist())
    return content[:last] + content[first:last] + content[last:]


def zeroed(content: bytes, random: Random) -> bytes:
    """A block is all zeros, as a disk may leave it."""
    first, last = sorted(random.integers(0, len(content) + 1, 2).tolist())
    return content[:first] + bytes(last - first) + content[last:]


def another_letter(content: bytes, random: Random) -> bytes:
    """One digit or letter is another one, so that a text stays one."""
    places = [place for place, byte in enumerate(content) if chr(byte).isascii() and chr(byte).isalnum()]
    if not places:
        return content
    place = places[int(random.integers(len(places)))]
    return content[:place] + bytes([int(random.choice(list(b"0123456789abcxyz")))]) + content[place + 1 :]


KINDS: tuple[Callable[[bytes, Random], bytes], ...] = (
    bits_flipped, truncated, another_length, swapped, repeated, zeroed, another_letter,
)  # fmt: skip


def mutant(content: bytes, number: int, seed: int = 19) -> tuple[str, bytes]:
    """The mutation of this number and its kind; it is never the content itself."""
    random = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    for _ in range(100):
        changed = kind(content, random)
        if changed != content:
            return kind.__name__, changed
    return truncated.__name__, content[:-1]
