"""The moves of releases, each bound to the one before it by a digest; what is live and on trial follows from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

from infra.manifest import digest_of
from training.registry.stages import Stage

Action = Literal["promote", "rollback", "enter", "advance", "abort", "pause", "resume"]


class Move(msgspec.Struct, frozen=True, omit_defaults=True):
    """One move: when, what was done, which release was live, which one was moved, who did it and why.

    digest    of the release that moved     manifest  sha256 of its manifest.json
    link      sha256 of the link before and of this move; lines written by an older version of the code have none
    stage     where the release stands after it; not told of a promotion and a rollback, after which it is live
    epoch     the number of this move           evidence  what was known when it was decided
    salt      of a trial that begins: what its askers are drawn with

    A field with its default is not written: lines and links of older versions of the code stay as they were.
    """

    at: datetime
    action: Action
    before: str | None
    after: str
    digest: str
    who: str
    why: str
    manifest: str = ""
    link: str = ""
    stage: str = ""
    epoch: int = 0
    evidence: str = ""
    salt: str = ""

    @property
    def goes_live(self) -> bool:
        """Whether its release is live after it."""
        return self.action in {"promote", "rollback"} or self.stage == Stage.CHAMPION

    def row(self) -> tuple[str, str, str, str, str, str]:
        """The cells of a line: at, action, from, to, who, why."""
        moment = self.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        after = self.after if self.goes_live else f"{self.after}: {self.stage}"
        return (moment, self.action, self.before or "–", after, self.who, self.why)

    def linked(self, before: str) -> "Move":
        """This move behind a line whose link is `before`."""
        own = msgspec.json.encode(self.bare())
        return msgspec.structs.replace(self, link=digest_of(before.encode() + own))

    def bare(self) -> "Move":
        """This move without its link."""
        return msgspec.structs.replace(self, link="")


@dataclass(frozen=True)
class ParsedMoves:
    """The content of a file: its moves up to the first broken line, and what is wrong with that line."""

    moves: tuple[Move, ...] = ()
    broken: str | None = None

    def sure(self) -> tuple[Move, ...]:
        """The moves that can be trusted: of a broken file those up to the last one with a link."""
        sure_moves = self.moves
        while self.broken and sure_moves and not sure_moves[-1].link:
            sure_moves = sure_moves[:-1]
        return sure_moves


def parse_moves(raw: bytes) -> ParsedMoves:
    """The moves in a file's bytes. A last line without a line end was cut short by a crash and is left out."""
    moves: list[Move] = []
    link, chained = "", False
    for number, line in enumerate(raw.split(b"\n")[:-1], 1):
        try:
            move = msgspec.json.decode(line, type=Move)
        except (msgspec.MsgspecError, ValueError) as wrong:
            return ParsedMoves(tuple(moves), f"line {number} is no move ({wrong})")
        link, chained = move.linked(link).link, chained or bool(move.link)
        if chained and move.link != link:
            return ParsedMoves(tuple(moves), f"line {number} does not follow from the lines before it")
        moves.append(move)
    return ParsedMoves(tuple(moves))


def follow(moves: Iterable[Move], move: Move) -> Move:
    """The move, linked to those before it."""
    link = ""
    for earlier in moves:
        link = earlier.linked(link).link
    return move.linked(link)


def bare(moves: Iterable[Move]) -> list[Move]:
    """The moves without their links: a line that lost its link is still the same move."""
    return [move.bare() for move in moves]


def lines(moves: Iterable[Move]) -> bytes:
    """Moves as the bytes of a file."""
    return b"".join(msgspec.json.encode(move) + b"\n" for move in moves)


def epoch_of(moves: Sequence[Move]) -> int:
    """The number of the last move; moves that bear none are counted."""
    return max((move.epoch for move in moves), default=0) if moves and moves[-1].epoch else len(moves)


def live_at(moves: Sequence[Move], moment: datetime) -> str | None:
    """What was live at a moment."""
    before = [move.after for move in moves if move.at <= moment and move.goes_live]
    return before[-1] if before else None
