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
from infra.release_format import LIVE, LivePointer, NamedRelease, read_live_pointer
from training.registry import pointer
from training.registry.history import History, durable
from training.registry.local_files import Local
from training.registry.moves import Move, epoch_of
from training.registry.standing import live_releases, standing
from training.registry.versions import MANIFEST_SHA256, Versions

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
LOST = "taken over from what is served: the history was lost"
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
        return intent is not None and intent.before is None and intent.goes_live

    def _carry_out(self, move: Move) -> None:
        moves = self._history.read()
        if not (moves and moves[-1].bare() == move):
            # Askers leave an aborted release first: MLflow may be down.
            steps = (self._point, self._name) if move.action == "abort" else (self._name, self._point)
            for step in steps:
                step([*moves, move])
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
        """Let MLflow's aliases say what the moves say; MLflow is not asked to set what is so already."""
        now, aliases = standing(moves), self._versions.aliases()
        if aliases.get(CHAMPION) != now.live:
            self._versions.alias(CHAMPION, now.live)
        failpoint.reached("registry-champion-named")
        self._name_if_there(PREVIOUS, now.previous, aliases.get(PREVIOUS))
        failpoint.reached("registry-previous-named")
        self._name_if_there(CHALLENGER, now.trial.version if now.trial else None, aliases.get(CHALLENGER))
        failpoint.reached("registry-challenger-named")

    def _name_if_there(self, alias: str, version: str | None, named: str | None) -> None:
        """Let an alias name a release; none when it was deleted in MLflow: what is live needs neither of the two."""
        if named == version:
            return
        try:
            self._versions.alias(alias, version)
        except ReleaseMismatch:
            self._versions.alias(alias, None)

    def _point(self, moves: Sequence[Move]) -> None:
        """Point serving to the releases, after their files are on this machine.

        Where those of the release on trial are gone, the champion is pointed to alone, and ReleaseMismatch raised.
        """
        if standing(moves).live is None:
            return
        target = pointer.of(moves)
        challenger, gone = target.challenger, None
        try:
            if challenger:
                challenger = msgspec.structs.replace(challenger, release=self._with_files(challenger.release))
        except ReleaseMismatch as mismatch:
            challenger, gone = None, mismatch
        there = msgspec.structs.replace(target, champion=self._with_files(target.champion), challenger=challenger)
        pointer.write(self._pointer, there, self._sign)
        failpoint.reached("registry-pointer-written")
        if gone:
            raise gone

    def _with_files(self, release: NamedRelease) -> NamedRelease:
        """A release whose files are on this machine, with the digest of its manifest."""
        if self._local.manifest(release.version) != release.manifest_sha256:
            self._local.folder(release.version)
        manifest = self._local.manifest(release.version) or ""
        if release.manifest_sha256 not in {manifest, ""}:
            raise ReleaseMismatch(
                f"release {release.version}: its files are not those that were proven. Roll back "
                "(`flywheel rollback`), end its trial (`flywheel abort`) or promote another one "
                "(`flywheel promote VERSION`)."
            )
        return msgspec.structs.replace(release, manifest_sha256=manifest)

    def _compared(self, moves: Sequence[Move]) -> list[Disagreement]:
        """Where pointer and aliases differ from the history."""
        now, aliases = standing(moves), self._versions.aliases()
        if now.live is None:
            return []
        disagreements = self._pointed_elsewhere(moves, now.live)
        champion, before = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if champion != now.live:
            alias = f"MLflow's alias `{CHAMPION}` names {champion or 'none'}"
            disagreements.append(_differs(now.live, alias, champion, self._name))
        if before and before != now.previous:
            alias = f"MLflow's alias `{PREVIOUS}` names {before}, which is not the one that a rollback goes to"
            disagreements.append(_differs(now.live, alias, None, self._name))
        tried, named = now.trial.version if now.trial else None, aliases.get(CHALLENGER)
        if named != tried and self._means_trial(moves, tried):
            alias = f"MLflow's alias `{CHALLENGER}` names {named or 'none'}, and release {tried or 'none'} is on trial"
            disagreements.append(_differs(now.live, alias, None, self._name))
        return disagreements

    def _means_trial(self, moves: Sequence[Move], tried: str | None) -> bool:
        """Whether the alias can name the trial: older code named the newest release so, and deleted ones have none."""
        if not moves[-1].epoch:
            return False
        try:
            return tried is None or bool(self._versions.tags(tried))
        except ReleaseMismatch:
            return False

    def _pointed_elsewhere(self, moves: Sequence[Move], live: str) -> list[Disagreement]:
        """Where the pointer, or the files that it names, differ from the history."""
        expected, pointed = pointer.of(moves), read_live_pointer(self._pointer)
        if pointed is None or not pointed.names(expected):
            named = pointed.champion.version if pointed else None
            says = f"{self._pointer} names {_named(pointed)}"
            return [_differs(live, says, named, self._point)]
        if pointed.epoch not in {0, expected.epoch}:  # older code wrote none
            says = f"{self._pointer} is that of move {pointed.epoch}, not of move {expected.epoch}"
            return [_differs(live, says, None, self._point)]
        for release in (expected.champion, *([expected.challenger.release] if expected.challenger else [])):
            if self._local.manifest(release.version) is None:
                says = f"the files of release {release.version} are gone from {self._pointer.parent}"
                return [_differs(live, says, None, self._point)]
        return []


def _differs(live: str, other: str, named: str | None, mend: Callable[[Sequence[Move]], None]) -> Disagreement:
    """A disagreement: `other` says what another place names instead, `named` is the release that it names."""
    otherwise = (
        f"To make release {named} live: `flywheel promote {named} --why …`." if named not in {live, None} else ""
    )
    return Disagreement(f"The history says that release {live} is live, but {other}.", otherwise, mend)


def _named(pointed: LivePointer | None) -> str:
    """What a pointer names, in words."""
    if pointed is None:
        return "none"
    tried = pointed.challenger
    return pointed.champion.version + (f" and, for {tried.share} %, {tried.release.version}" if tried else "")


def _description(move: Move) -> str:
    words = {"promote": "promotion of", "rollback": "rollback to"}
    return f"the {words.get(move.action, f'move `{move.action}` of')} release {move.after}"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
