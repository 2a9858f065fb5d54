"""Which release is live, said alike in three places: the history, MLflow's aliases, and the pointer serving follows.

A move is written down as an intent first, then done, and entered into the history last. A process that dies in
between leaves the intent: whoever comes next finishes the move. What differs without an intent was changed by
another hand, and the history is right: it alone knows that a release was proven.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from infra import failpoint
from infra.errors import HistoryLost, ReleaseMismatch, Unavailable
from infra.release_format import LIVE, read_live_pointer
from training.registry import pointer
from training.registry.history import History, durable
from training.registry.local_files import Local
from training.registry.moves import Move, live_releases
from training.registry.versions import WHOLE, Versions

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
FINISHES = "The next promotion or rollback finishes it, and so does `flywheel releases --repair`."


@dataclass(frozen=True)
class Disagreement:
    """Two places that name different releases, and what to do when the other one is meant."""

    what: str
    otherwise: str
    mend: Callable[[Sequence[Move]], None]

    def found(self) -> str:
        """The sentence for somebody who only looks."""
        return f"{self.what} `flywheel releases --repair` puts it right. {self.otherwise}".strip()

    def mended(self, moves: Sequence[Move]) -> str:
        """Put it right, and the sentence that says so, or why it could not be done."""
        try:
            self.mend(moves)
        except ReleaseMismatch as gone:
            return f"{self.what} It could not be put right: {gone}"
        return f"{self.what} It was put right. {self.otherwise}".strip()


class Live:
    """The live release of one system. Whoever calls anything but `moves` holds the history's lock."""

    def __init__(self, folder: Path, history: History, versions: Versions, local: Local) -> None:
        self._history, self._versions, self._local = history, versions, local
        self._pointer, self._intended = folder / LIVE, folder / "moving.json"

    def moves(self) -> tuple[Move, ...]:
        """All moves; raises HistoryLost when there are none though a release is live, or when they are broken."""
        moves = self._history.read()
        served = [] if moves or self._first() else self._served()
        if served and not self._history.read() and not self._first():  # it may have been written just now
            raise HistoryLost(
                f"{self._pointer.parent}: release {served[-1]} is live, but history.jsonl and its copy are gone. "
                "`flywheel releases --repair` begins a new history with it."
            )
        return moves or self._history.read()

    def move(self, move: Move) -> None:
        """Make a move: from its intent on it will be finished, by this process or the next one."""
        durable(self._intended, msgspec.json.encode(move))
        failpoint.reached("registry-intent-written")
        try:
            self._carry_out(move)
        except Unavailable as down:
            raise Unavailable(f"{down} Until then {_told(move)} is half done. {FINISHES}") from down

    def settle(self) -> list[str]:
        """Finish what was begun and undo what another hand changed; says what was not as the history says."""
        restored, _ = self._history.restore(), self.moves()
        said = [text for text in (restored, self._finished()) if text]
        moves = self.moves()
        return said + [found.mended(moves) for found in self._compared(moves)] if moves else said

    def disagreements(self) -> list[str]:
        """What `settle` would find, for somebody who only looks."""
        intent, moves = self._intent(), self.moves()
        if intent:
            return [f"{_sentence(_told(intent))} was begun and not finished. {FINISHES}"]
        return [found.found() for found in self._compared(moves)] if moves else []

    def take_over(self, who: str, at: datetime) -> str | None:
        """Where moves are lost, go on from the release that is served; says so, None when none are lost."""
        said, moves, served = self._history.salvage(), self._history.read(), self._served()
        if not served or (moves and not said) or live_releases(moves)[-1:] == served[-1:]:
            return said
        for version in served[-1:] if moves else served:
            self._enter(version, who, at)
        return f"{said or ''} The history goes on with release {served[-1]}, which is the one served.".strip()

    def _enter(self, version: str, who: str, at: datetime) -> None:
        moves = self._history.read()
        try:
            tags = self._versions.tags(version)
        except ReleaseMismatch:  # deleted in MLflow; it is served all the same
            tags = {}
        digest, manifest = tags.get("digest", ""), tags.get(WHOLE, "")
        why = "taken over from what is served: the history was lost"
        before = live_releases(moves)[-1] if moves else None
        self._history.append(Move(at, "promote", before, version, digest, who, why, manifest))

    def _served(self) -> list[str]:
        """The releases that pointer or aliases name, the live one last."""
        stands = read_live_pointer(self._pointer)
        if stands:
            return [named.version for named in (stands.previous, stands.champion) if named]
        aliases = self._versions.aliases()
        return [aliases[name] for name in (PREVIOUS, CHAMPION) if name in aliases] if CHAMPION in aliases else []

    def _intent(self) -> Move | None:
        try:
            return msgspec.json.decode(self._intended.read_bytes(), type=Move)
        except (FileNotFoundError, msgspec.MsgspecError):  # an intent is there whole, or it is not ours
            return None

    def _first(self) -> bool:
        """Whether the first move of all is being made."""
        intent = self._intent()
        return intent is not None and intent.before is None

    def _carry_out(self, move: Move) -> None:
        moves = self._history.read()
        if not (moves and moves[-1].bare() == move):
            self._name([*moves, move])
            self._point([*moves, move])
            self._history.append(move)
        self._history.restore()
        failpoint.reached("registry-copy-written")
        self._intended.unlink()
        failpoint.reached("registry-intent-done")

    def _finished(self) -> str | None:
        """Finish a move that was begun; says so when it had to be given up because the release is gone."""
        intent = self._intent()
        try:
            if intent:
                self._carry_out(intent)
        except ReleaseMismatch as gone:
            self._intended.unlink()
            return f"{_sentence(_told(intent))} was begun, and given up: {gone}" if intent else None
        return None

    def _name(self, moves: Sequence[Move]) -> None:
        before, now = [None, *live_releases(moves)][-2:]
        self._versions.alias(CHAMPION, now)
        failpoint.reached("registry-champion-named")
        try:
            self._versions.alias(PREVIOUS, before)
        except ReleaseMismatch:  # deleted in MLflow: nobody needs it until somebody rolls back to it
            self._versions.alias(PREVIOUS, None)
        failpoint.reached("registry-previous-named")
        if self._versions.aliases().get(CHALLENGER) == now:
            self._versions.alias(CHALLENGER, None)
        failpoint.reached("registry-challenger-gone")

    def _point(self, moves: Sequence[Move]) -> None:
        """Serving sees a move once MLflow says it, and its files are here."""
        wanted = pointer.of(moves)
        champion = wanted.champion
        if self._local.manifest(champion.version) != champion.manifest_sha256:
            self._local.folder(champion.version)
        found = self._local.manifest(champion.version) or ""
        if champion.manifest_sha256 not in {found, ""}:
            raise ReleaseMismatch(
                f"release {champion.version}: its files are not those that went live. "
                "Roll back (`flywheel rollback`) or promote another one (`flywheel promote VERSION`)."
            )
        named = msgspec.structs.replace(champion, manifest_sha256=found)
        pointer.write(self._pointer, msgspec.structs.replace(wanted, champion=named))
        failpoint.reached("registry-pointer-written")

    def _compared(self, moves: Sequence[Move]) -> list[Disagreement]:
        """Where pointer and aliases name something else than the history."""
        live, wanted, aliases = live_releases(moves)[-1], pointer.of(moves), self._versions.aliases()
        stands, champion, before = read_live_pointer(self._pointer), aliases.get(CHAMPION), aliases.get(PREVIOUS)
        found = []
        if stands is None or not stands.names(wanted):
            named = stands.champion.version if stands else None
            found.append(_differs(live, f"{self._pointer} names {named or 'none'}", named, self._point))
        elif self._local.manifest(live) is None:
            found.append(_differs(live, f"its files are gone from {self._pointer.parent}", None, self._point))
        if champion != live:
            alias = f"MLflow's alias `{CHAMPION}` names {champion or 'none'}"
            found.append(_differs(live, alias, champion, self._name))
        if before and before != (wanted.previous.version if wanted.previous else None):
            alias = f"MLflow's alias `{PREVIOUS}` names {before}, which is not the one that a rollback goes to"
            found.append(_differs(live, alias, None, self._name))
        return found


def _differs(live: str, says: str, other: str | None, mend: Callable[[Sequence[Move]], None]) -> Disagreement:
    otherwise = (
        f"To make release {other} live: `flywheel promote {other} --why …`." if other not in {live, None} else ""
    )
    return Disagreement(f"The history says that release {live} is live, but {says}.", otherwise, mend)


def _told(move: Move) -> str:
    return f"the {'promotion of' if move.action == 'promote' else 'rollback to'} release {move.after}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
