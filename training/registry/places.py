"""The two places that follow the history: MLflow's aliases, and the pointer that serving follows."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from infra import failpoint
from infra.errors import ReleaseMismatch, Unavailable
from infra.release_format import LIVE, LivePointer, NamedRelease, read_live_pointer
from training.registry import pointer
from training.registry.local_files import Local
from training.registry.moves import Move
from training.registry.signatures import Signatures
from training.registry.standing import standing
from training.registry.versions import Versions

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


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


class Places:
    """Says there what the moves say, and finds where they say otherwise. Whoever writes holds the history's lock."""

    def __init__(self, folder: Path, versions: Versions, local: Local, signatures: Signatures) -> None:
        self._versions, self._local, self._signatures = versions, local, signatures
        self._pointer = folder / LIVE

    def served(self) -> list[str]:
        """The releases that pointer or aliases name, the live one last."""
        pointed = read_live_pointer(self._pointer)
        if pointed:
            return [release.version for release in (pointed.previous, pointed.champion) if release]
        aliases = self._versions.aliases()
        return [aliases[name] for name in (PREVIOUS, CHAMPION) if name in aliases] if CHAMPION in aliases else []

    def name(self, moves: Sequence[Move], *, champion_there: bool = True) -> None:
        """Let MLflow's aliases say what the moves say; MLflow is not asked to set what is so already.

        champion_there  raise ReleaseMismatch where the live release was deleted in MLflow: a trial can be ended
        """
        now, aliases = standing(moves), self._versions.aliases()
        if aliases.get(CHAMPION) != now.live and champion_there:
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

    def point(self, moves: Sequence[Move], *, with_trial: bool = False) -> None:
        """Point serving to the releases, after their files are on this machine.

        Where those of the release on trial are gone, ReleaseMismatch is raised, and the champion is pointed to alone;
        nothing is written when it has to be with the trial: services would refuse the pointer before this move.
        """
        if standing(moves).live is None:
            return
        target = pointer.of(moves)
        challenger, gone = target.challenger, None
        try:
            if challenger:
                challenger = msgspec.structs.replace(challenger, release=self._with_files(challenger.release))
        except ReleaseMismatch as mismatch:
            if with_trial:
                raise
            challenger, gone = None, mismatch
        there = msgspec.structs.replace(target, champion=self._with_files(target.champion), challenger=challenger)
        pointer.write(self._pointer, there, self._signatures.pointer)
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
        if self._signatures.lost(release.version):
            with suppress(ReleaseMismatch, Unavailable):  # a service that has its own copy follows all the same
                self._signatures.demand(release.version, self._pointer.parent / release.version)
        return msgspec.structs.replace(release, manifest_sha256=manifest)

    def compared(self, moves: Sequence[Move]) -> list[Disagreement]:
        """Where pointer and aliases differ from the history."""
        now, aliases = standing(moves), self._versions.aliases()
        if now.live is None:
            return []
        disagreements = self._pointed_elsewhere(moves, now.live)
        champion, before = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if champion != now.live:
            alias = f"MLflow's alias `{CHAMPION}` names {champion or 'none'}"
            disagreements.append(_differs(now.live, alias, champion, self.name))
        if before and before != now.previous:
            alias = f"MLflow's alias `{PREVIOUS}` names {before}, which is not the one that a rollback goes to"
            disagreements.append(_differs(now.live, alias, None, self.name))
        tried, named = now.trial.version if now.trial else None, aliases.get(CHALLENGER)
        if named != tried and self._means_trial(moves, tried):
            alias = f"MLflow's alias `{CHALLENGER}` names {named or 'none'}, and release {tried or 'none'} is on trial"
            disagreements.append(_differs(now.live, alias, None, self.name))
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
            return [_differs(live, says, named, self.point)]
        if pointed.epoch not in {0, expected.epoch}:  # older code wrote none
            says = f"{self._pointer} is that of move {pointed.epoch}, not of move {expected.epoch}"
            return [_differs(live, says, None, self.point)]
        tried = [expected.challenger.release] if expected.challenger else []
        for release in (expected.champion, *tried):
            if self._local.manifest(release.version) is None:
                says = f"the files of release {release.version} are gone from {self._pointer.parent}"
                return [_differs(live, says, None, self.point)]
        return [
            _differs(
                live, f"release {release.version} bears no valid signature in {self._pointer.parent}", None,
                partial(self._sign_again, release.version),
            )
            for release in filter(None, (expected.champion, expected.previous, *tried))
            if self._signatures.lost(release.version)
        ]  # fmt: skip

    def _sign_again(self, version: str, _: Sequence[Move]) -> None:
        """Put back the signature that MLflow has of a release."""
        self._signatures.demand(version, self._pointer.parent / version)


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
