"""Which release is live. Three places must agree: the history, MLflow's aliases, and the pointer that serving follows.

A move is written down as an intent first, then carried out, and entered into the history last. When a process dies in
between, the intent stays, and the next process finishes the move. A difference without an intent was made from outside
(in MLflow, in a file). Then the history is right: only it tells that a release was proven.
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
from training.registry.versions import MANIFEST_SHA256, Versions

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
FINISHES = "The next promotion or rollback finishes it, and so does `flywheel releases --repair`."


@dataclass(frozen=True)
class Disagreement:
    """Two places that name different releases, and what to do when the other one is meant."""

    what: str
    otherwise: str
    mend: Callable[[Sequence[Move]], None]

    def sentence(self) -> str:
        """The sentence about what differs and what to do; nothing is changed."""
        return f"{self.what} `flywheel releases --repair` puts it right. {self.otherwise}".strip()

    def repaired(self, moves: Sequence[Move]) -> str:
        """Put it right; returns a sentence that says so, or why it could not be done."""
        try:
            self.mend(moves)
        except ReleaseMismatch as gone:
            return f"{self.what} It could not be put right: {gone}"
        return f"{self.what} It was put right. {self.otherwise}".strip()


class Live:
    """The live release of one system. Whoever calls anything but `moves` holds the history's lock."""

    def __init__(
        self, folder: Path, history: History, versions: Versions, local: Local, sign: Callable[[bytes], bytes]
    ) -> None:
        self._history, self._versions, self._local, self._sign = history, versions, local, sign
        self._pointer, self._intended = folder / LIVE, folder / "moving.json"

    def moves(self) -> tuple[Move, ...]:
        """All moves; raises HistoryLost when there are none though a release is live, or when they are broken."""
        moves = self._history.read()
        served_versions = [] if moves or self._first() else self._served()
        if served_versions and not self._history.read() and not self._first():  # it may have been written just now
            raise HistoryLost(
                f"{self._pointer.parent}: release {served_versions[-1]} is live, but history.jsonl and its copy are "
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

    def settle(self) -> list[str]:
        """Finish what was begun and undo what was changed from outside; a sentence for each thing that differed."""
        restored, _ = self._history.restore(), self.moves()
        sentences = [text for text in (restored, self._finished()) if text]
        moves = self.moves()
        if moves:
            sentences += [disagreement.repaired(moves) for disagreement in self._compared(moves)]
        return sentences

    def disagreements(self) -> list[str]:
        """The sentences that `settle` would return, without changing anything."""
        intent, moves = self._intent(), self.moves()
        if intent:
            return [f"{_capitalised(_description(intent))} was begun and not finished. {FINISHES}"]
        return [disagreement.sentence() for disagreement in self._compared(moves)] if moves else []

    def take_over(self, who: str, at: datetime) -> str | None:
        """Where moves are lost, go on from the release that is served; returns a sentence, None when none are lost."""
        salvaged, moves, served_versions = self._history.salvage(), self._history.read(), self._served()
        if not served_versions or (moves and not salvaged) or live_releases(moves)[-1:] == served_versions[-1:]:
            return salvaged
        for version in served_versions[-1:] if moves else served_versions:
            self._enter(version, who, at)
        goes_on = f"The history goes on with release {served_versions[-1]}, which is the one served."
        return f"{salvaged or ''} {goes_on}".strip()

    def _enter(self, version: str, who: str, at: datetime) -> None:
        moves = self._history.read()
        try:
            tags = self._versions.tags(version)
        except ReleaseMismatch:  # deleted in MLflow, but still served
            tags = {}
        digest, manifest = tags.get("digest", ""), tags.get(MANIFEST_SHA256, "")
        why = "taken over from what is served: the history was lost"
        before = live_releases(moves)[-1] if moves else None
        self._history.append(Move(at, "promote", before, version, digest, who, why, manifest))

    def _served(self) -> list[str]:
        """The releases that pointer or aliases name, the live one last."""
        pointed = read_live_pointer(self._pointer)
        if pointed:
            return [release.version for release in (pointed.previous, pointed.champion) if release]
        aliases = self._versions.aliases()
        return [aliases[name] for name in (PREVIOUS, CHAMPION) if name in aliases] if CHAMPION in aliases else []

    def _intent(self) -> Move | None:
        try:
            return msgspec.json.decode(self._intended.read_bytes(), type=Move)
        except (FileNotFoundError, msgspec.MsgspecError):  # an intent is written in one step: a broken file is not ours
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
        """Finish a move that was begun; returns a sentence when that is impossible because the release is gone."""
        intent = self._intent()
        try:
            if intent:
                self._carry_out(intent)
        except ReleaseMismatch as gone:
            self._intended.unlink()
            return f"{_capitalised(_description(intent))} was begun and cannot be finished: {gone}" if intent else None
        return None

    def _name(self, moves: Sequence[Move]) -> None:
        before, now = [None, *live_releases(moves)][-2:]
        self._versions.alias(CHAMPION, now)
        failpoint.reached("registry-champion-named")
        try:
            self._versions.alias(PREVIOUS, before)
        except ReleaseMismatch:  # deleted in MLflow: it is needed only for a rollback
            self._versions.alias(PREVIOUS, None)
        failpoint.reached("registry-previous-named")
        if self._versions.aliases().get(CHALLENGER) == now:
            self._versions.alias(CHALLENGER, None)
        failpoint.reached("registry-challenger-gone")

    def _point(self, moves: Sequence[Move]) -> None:
        """Point serving to the new release, after MLflow's aliases name it and its files are on this machine."""
        target = pointer.of(moves)
        champion = target.champion
        if self._local.manifest(champion.version) != champion.manifest_sha256:
            self._local.folder(champion.version)
        local_manifest = self._local.manifest(champion.version) or ""
        if champion.manifest_sha256 not in {local_manifest, ""}:
            raise ReleaseMismatch(
                f"release {champion.version}: its files are not those that went live. "
                "Roll back (`flywheel rollback`) or promote another one (`flywheel promote VERSION`)."
            )
        champion_with_manifest = msgspec.structs.replace(champion, manifest_sha256=local_manifest)
        pointer.write(self._pointer, msgspec.structs.replace(target, champion=champion_with_manifest), self._sign)
        failpoint.reached("registry-pointer-written")

    def _compared(self, moves: Sequence[Move]) -> list[Disagreement]:
        """Where pointer and aliases differ from the history."""
        live, expected, aliases = live_releases(moves)[-1], pointer.of(moves), self._versions.aliases()
        pointed, champion, before = read_live_pointer(self._pointer), aliases.get(CHAMPION), aliases.get(PREVIOUS)
        disagreements = []
        if pointed is None or not pointed.names(expected):
            named = pointed.champion.version if pointed else None
            disagreements.append(_differs(live, f"{self._pointer} names {named or 'none'}", named, self._point))
        elif self._local.manifest(live) is None:
            disagreements.append(_differs(live, f"its files are gone from {self._pointer.parent}", None, self._point))
        if champion != live:
            alias = f"MLflow's alias `{CHAMPION}` names {champion or 'none'}"
            disagreements.append(_differs(live, alias, champion, self._name))
        if before and before != (expected.previous.version if expected.previous else None):
            alias = f"MLflow's alias `{PREVIOUS}` names {before}, which is not the one that a rollback goes to"
            disagreements.append(_differs(live, alias, None, self._name))
        return disagreements


def _differs(live: str, other: str, named: str | None, mend: Callable[[Sequence[Move]], None]) -> Disagreement:
    """A disagreement: `other` says what another place names instead, `named` is the release that it names."""
    otherwise = (
        f"To make release {named} live: `flywheel promote {named} --why …`." if named not in {live, None} else ""
    )
    return Disagreement(f"The history says that release {live} is live, but {other}.", otherwise, mend)


def _description(move: Move) -> str:
    return f"the {'promotion of' if move.action == 'promote' else 'rollback to'} release {move.after}"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
