"""Which release is live. Three places must agree: the history, MLflow's aliases, and the pointer that serving follows.

A move is written down as an intent first, then carried out, and entered into the history last. When a process dies in
between, the intent stays, and the next process finishes the move. A difference without an intent was made from outside
(in MLflow, in a file). Then the history is right: only it tells that a release was proven.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from infra import failpoint
from infra.errors import HistoryLost, ReleaseMismatch, Unavailable
from training.registry.history import History, durable
from training.registry.local_files import Local
from training.registry.moves import Move, epoch_of
from training.registry.places import Disagreement, Places
from training.registry.signatures import Signatures
from training.registry.standing import live_releases, standing
from training.registry.versions import MANIFEST_SHA256, Versions

LOST = "taken over from what is served: the history was lost"
FINISHES = "The next promotion or rollback finishes it, and so does `flywheel releases --repair`."


class Live:
    """The live release of one system. Whoever calls anything but `moves` holds the history's lock."""

    def __init__(
        self, folder: Path, history: History, versions: Versions, local: Local, signatures: Signatures
    ) -> None:
        self._history, self._versions = history, versions
        self._places, self._folder = Places(folder, versions, local, signatures), folder
        self._intended = folder / "moving.json"

    def moves(self) -> tuple[Move, ...]:
        """All moves; raises HistoryLost when there are none though a release is live, or when they are broken."""
        moves = self._history.read()
        served_versions = [] if moves or self._first() else self._places.served()
        if served_versions and not self._history.read() and not self._first():  # it may have been written just now
            raise HistoryLost(
                f"{self._folder}: release {served_versions[-1]} is live, but history.jsonl and its copy are "
                "gone. `flywheel releases --repair` begins a new history with it."
            )
        return moves or self._history.read()

    def move(self, move: Move) -> None:
        """Make a move: once its intent is written, this process or the next one finishes it."""
        durable(self._intended, msgspec.json.encode(move))
        failpoint.reached("registry-intent-written")
        try:
            self._carry_out(move)
        except Unavailable as down:
            raise Unavailable(f"{down} Until then {_description(move)} is half done. {FINISHES}") from down
        except ReleaseMismatch:  # it was refused, and so must not be finished later
            self._intended.unlink()
            moves = self.moves()
            for disagreement in self._places.compared(moves) if moves else []:
                disagreement.repaired(moves)
            raise

    def settle(self, *, leaving: bool = False) -> list[str]:
        """Finish what was begun and undo what was changed from outside; a sentence for each thing that differed.

        leaving  a move follows by which askers leave a release: it does not wait for MLflow
        """
        restored, _ = self._history.restore(), self.moves()
        sentences = [text for text in (restored, self._finished(leaving=leaving)) if text]
        moves = self.moves()
        if moves:
            sentences += [disagreement.repaired(moves) for disagreement in self._compared(moves, leaving=leaving)]
        return sentences

    def point(self, moves: Sequence[Move]) -> None:
        """Point serving to what the moves say."""
        self._places.point(moves)

    def _compared(self, moves: Sequence[Move], *, leaving: bool) -> list[Disagreement]:
        try:
            return self._places.compared(moves)
        except Unavailable:
            if leaving:
                return []
            raise

    def disagreements(self) -> list[str]:
        """The sentences that `settle` would return, without changing anything."""
        intent, moves = self._intent(), self.moves()
        if intent:
            return [f"{_capitalised(_description(intent))} was begun and not finished. {FINISHES}"]
        return [disagreement.sentence() for disagreement in self._places.compared(moves)] if moves else []

    def take_over(self, who: str, at: datetime) -> str | None:
        """Where moves are lost, go on from the release that is served; returns a sentence, None when none are lost."""
        salvaged, moves, served_versions = self._history.salvage(), self._history.read(), self._places.served()
        if not served_versions or (moves and not salvaged) or live_releases(moves)[-1:] == served_versions[-1:]:
            return salvaged
        for version in served_versions[-1:] if moves else served_versions:
            self._enter(version, who, at)
        goes_on = f"The history goes on with release {served_versions[-1]}, which is the one served."
        return f"{salvaged or ''} {goes_on}".strip()

    def restored(self, who: str, why: str, at: datetime) -> str | None:
        """After a restored backup, enter what is live anew with a higher number than any that was lost; its version."""
        live = standing(self._history.read()).live
        if live is not None:
            self._enter(live, who, at, why)
        return live

    def _enter(self, version: str, who: str, at: datetime, why: str = LOST) -> None:
        moves = self._history.read()
        try:
            tags = self._versions.tags(version)
        except ReleaseMismatch:  # deleted in MLflow, but still served
            tags = {}
        digest, manifest = tags.get("digest", ""), tags.get(MANIFEST_SHA256, "")
        # No move that was lost had so high a number: a service refuses a pointer with a lower one than it has seen.
        epoch = max(epoch_of(moves) + 1, int(at.timestamp()))
        before = standing(moves).live
        self._history.append(Move(at, "promote", before, version, digest, who, why, manifest, epoch=epoch))

    def _intent(self) -> Move | None:
        try:
            return msgspec.json.decode(self._intended.read_bytes(), type=Move)
        except (FileNotFoundError, msgspec.MsgspecError):  # an intent is written in one step: a broken file is not ours
            return None

    def _first(self) -> bool:
        """Whether the first move of all is being made."""
        intent = self._intent()
        return intent is not None and intent.before is None and intent.goes_live

    def _carry_out(self, move: Move, *, names_later: bool = False) -> None:
        moves = self._history.read()
        if not (moves and moves[-1].bare() == move):
            leaves = move.action in {"abort", "rollback"}  # askers leave a release first: MLflow may be slow or down
            if leaves:
                self._places.point([*moves, move], with_trial=True)
            try:
                self._places.name([*moves, move], champion_there=move.goes_live)
            except Unavailable:
                if not (leaves and names_later):
                    raise
            if not leaves:
                self._places.point([*moves, move], with_trial=True)
            self._history.append(move)
        self._history.restore()
        failpoint.reached("registry-copy-written")
        self._intended.unlink()
        failpoint.reached("registry-intent-done")

    def _finished(self, *, leaving: bool = False) -> str | None:
        """Finish a move that was begun; returns a sentence when that is impossible because the release is gone.

        leaving  where askers have left a release, but MLflow is down: its aliases follow when it is back
        """
        intent = self._intent()
        try:
            if intent:
                self._carry_out(intent, names_later=leaving)
        except ReleaseMismatch as gone:
            self._intended.unlink()
            return f"{_capitalised(_description(intent))} was begun and cannot be finished: {gone}" if intent else None
        return None


def _description(move: Move) -> str:
    words = {"promote": "promotion of", "rollback": "rollback to"}
    return f"the {words.get(move.action, f'move `{move.action}` of')} release {move.after}"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
