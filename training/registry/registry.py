"""The registry of releases: MLflow holds the versions, a history says which one is live, serving follows a pointer."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from infra import alerts, failpoint
from infra.errors import NotProven, ReleaseMismatch
from infra.manifest import Manifest, digest_of, read_manifest, verify
from infra.release_format import MANIFEST, OPERATING_POINT, Popular, read_popular
from infra.settings import Settings
from training.registry import moves, proof
from training.registry.deadlines import Deadline, Deadlines
from training.registry.history import History
from training.registry.live import CHALLENGER, Live
from training.registry.local_files import Local
from training.registry.moves import Move
from training.registry.proof import Proof
from training.registry.signatures import Signatures
from training.registry.versions import MANIFEST_SHA256, PROMISED, RELEASE, VERDICT, Versions
from validation.verdict import Verdict, gates_of

if TYPE_CHECKING:
    from training.contenders import Fitted
    from training.registry.logged_run import LoggedRun


class Registry:
    """The releases of one system.

    Every change holds the history's lock and settles first: it finishes what a crash left half done, and puts right,
    with an alert, what was changed in MLflow or in the pointer from outside.

    served  whether a service follows this registry: then a release goes live only with a proof of its deployment
    """

    def __init__(self, settings: Settings, name: str, *, served: bool = False) -> None:
        self._name, self._home, self._served = name, settings.home, served
        self._folder = settings.of(name).releases
        self._history = History(self._folder / "history.jsonl")
        self._deadlines = Deadlines(self._folder / "deadlines.json")
        self._versions = Versions(settings, name)
        self._local = Local(self._folder, self._versions)
        self._signatures = Signatures(settings, name, self._versions, self._local)
        self._live = Live(self._folder, self._history, self._versions, self._local, self._signatures.pointer)

    def next_version(self) -> str:
        """The version for a draft's manifest: the likely next one. `register` writes the one that MLflow gives."""
        return self._versions.next()

    def newest(self) -> str:
        """The version registered last; raises NotProven when there is none."""
        version = self._versions.newest()
        if version is None:
            raise NotProven(f"{self._name}: nothing is registered yet. Train a release (`flywheel run train`).")
        return version

    def register(self, folder: Path, report: "LoggedRun", verdict: Verdict) -> str:
        """Put a built release into MLflow with its verdict; returns its version. A refused one never goes live.

        The stored manifest bears the version that MLflow gave, whatever the draft's says.
        """
        manifest = verify(folder)
        if verdict.subject != manifest.digest:
            raise ReleaseMismatch(f"release in {folder}: the verdict is about another release. Judge this one.")
        raw = verdict.to_json().encode()
        tags = {
            "digest": manifest.digest,
            "dataset_digest": manifest.dataset_digest,
            "features_digest": manifest.features_digest,
            "verdict": "passed" if verdict.passed else "refused",
            "verdict_sha256": digest_of(raw),
        }
        with self._history.locked():
            self._signatures.take_over(self._history.read())
        sign = self._signatures.of_manifest if verdict.passed else None
        version = self._versions.create(folder, manifest, report, raw, tags, sign)
        if verdict.passed:
            with self._history.locked():
                self._versions.alias(CHALLENGER, version)
            failpoint.reached("registry-challenger-named")
        return version

    def deployed(self, version: str, passed: bool, says: str, at: datetime) -> None:
        """Record whether a built service took a release and answered with it."""
        trial = Proof(passed, read_manifest(self.folder(version)).digest, at, says)
        self._versions.tag(version, proof.TAG, trial.to_tag())

    def promote(self, version: str, verdict: Verdict | None = None, *, who: str, why: str, at: datetime) -> None:
        """Make a release live. Raises NotProven unless the verdict stored with it passes and is about these very files.

        A `verdict` passed here must pass too, and where a service follows, the proof of its deployment. Promoting what
        is live already moves nothing.
        """
        with self._history.locked():
            self._settle(at)
            self._deadlines.demand(version, at)
            digest, manifest = self._proven(version, verdict)
            if self.live() != version:
                self._live.move(Move(at, "promote", self.live(), version, digest, who, why, manifest))

    def rollback(self, who: str, why: str, at: datetime) -> str:
        """Make the release that was live before this one live again; returns its version."""
        with self._history.locked():
            self._settle(at)
            history = self._live.moves()
            stack = moves.live_releases(history)
            if len(stack) < 2:
                now = f"release {stack[0]} is the first that was live" if stack else "no release was ever live"
                raise NotProven(f"{self._name}: {now}; there is nothing to roll back to. Promote another one.")
            before, after = stack[-1], stack[-2]
            self._deadlines.demand(after, at)
            digest = next(move.digest for move in reversed(history) if move.after == after)
            target = self._local.as_it_was(after, digest)
            manifest = digest_of((target / MANIFEST).read_bytes())
            self._live.move(Move(at, "rollback", before, after, digest, who, why, manifest))
        return after

    def learned_since(self, first: date) -> list[str]:
        """The releases whose rows, or the counters in them, may hold what happened on a day or after it."""
        if not self._folder.exists():
            return []
        return [version for version in self._versions.complete() if self._last_day(version) >= first]

    def _last_day(self, version: str) -> date:
        """The last day that a release learned from: where its manifest is older than that fact, the day it was made."""
        local = self._folder / version / MANIFEST
        raw = local.read_bytes() if local.exists() else self._versions.artefact(version, f"{RELEASE}/{MANIFEST}")
        manifest = msgspec.json.decode(raw, type=Manifest)
        return manifest.training.last_day if manifest.training else manifest.created_at.date()

    def set_deadline(self, versions: Iterable[str], deadline: Deadline) -> None:
        """Give releases a last moment, after which they can be neither promoted nor rolled back to."""
        with self._history.locked():
            self._deadlines.set(versions, deadline)

    def deadlines(self) -> Mapping[str, Deadline]:
        """The releases that have to be replaced, by version; those that retention removed are none any more."""
        deadlines = self._deadlines.read()
        there = set(self._versions.complete()) if deadlines else set()
        return {version: deadline for version, deadline in deadlines.items() if version in there}

    def live(self) -> str | None:
        """The version that is live."""
        stack = moves.live_releases(self._live.moves())
        return stack[-1] if stack else None

    def best(self) -> str | None:
        """The version that is the best that ever was live, as the verdict on the live one says; None before any."""
        live = self.live()
        if live is None:
            return None
        try:
            return self.verdict(live).best or live
        except ReleaseMismatch:  # deleted in MLflow, and served all the same
            return live

    @property
    def name(self) -> str:
        """The system whose releases these are."""
        return self._name

    def kept(self, now: datetime, days: int) -> set[str]:
        """The releases that retention never removes: live, previous, best and challenger, and live lately (`days`)."""
        history, since = self._live.moves(), now - timedelta(days=days)
        lately = {move.after for move in history if move.at >= since} | {moves.live_at(history, since)}
        named = {*moves.live_releases(history)[-2:], *lately, self.best(), self._versions.aliases().get(CHALLENGER)}
        return {version for version in named if version}

    def live_at(self, moment: datetime) -> str | None:
        """The version that was live at a moment."""
        return moves.live_at(self._live.moves(), moment)

    def history(self) -> tuple[Move, ...]:
        """What was live when, who moved it, and why; oldest first."""
        return self._live.moves()

    def settle(self) -> list[str]:
        """Make aliases and pointer say what the history says; returns a sentence about each thing that did not.

        A move that a crash left half done is finished without a sentence.
        """
        with self._history.locked():
            return [*self._live.settle(), *self._signatures.settle(self._live.moves())]

    def disagreements(self) -> list[str]:
        """The sentences that `settle` would return, without changing anything."""
        if not self._folder.exists():
            return []
        with self._history.locked():
            unsigned = self._signatures.disagreement()
            return [*self._live.disagreements(), *([unsigned] if unsigned else [])]

    def repair(self, who: str, at: datetime) -> list[str]:
        """Settle, and where the history is lost, go on from the release that is served; says what was done."""
        with self._history.locked():
            takeover = self._live.take_over(who, at)
            signed = [*self._live.settle(), *self._signatures.settle(self._live.moves())]
            return [*([takeover] if takeover else []), *signed]

    def folder(self, version: str) -> Path:
        """The release's files, verified; fetched again when they are not there or not as they were built."""
        return self._local.folder(version)

    def verdict(self, version: str) -> Verdict:
        """The verdict stored with a release."""
        return Verdict.from_json(self._versions.artefact(version, VERDICT))

    def promised(self, version: str) -> Mapping[str, float]:
        """What the release measured on its judge rows: auc, ndcg_at_10, …"""
        figures = msgspec.json.decode(self._versions.artefact(version, PROMISED), type=dict[str, Any])
        return {name: float(value) for name, value in figures.items() if isinstance(value, int | float)}

    def popular(self, version: str) -> Popular:
        """The lists the release carries."""
        return read_popular(self.folder(version))

    def scorer(self, version: str) -> "Fitted":
        """The release's model."""
        from training.fitting import load_contender

        return load_contender(self.folder(version))

    def _settle(self, at: datetime) -> None:
        for sentence in [*self._live.settle(), *self._signatures.settle(self._live.moves())]:
            alerts.write(self._home, at, registry=self._name, disagreement=sentence)

    def _proven(self, version: str, other_verdict: Verdict | None) -> tuple[str, str]:
        """The digest and the manifest's sha256 of a release that may go live; files and verdict are read anew."""
        tags, raw = self._versions.tags(version), self._versions.artefact(version, VERDICT)
        if MANIFEST_SHA256 not in tags:
            raise NotProven(
                f"release {version}: it was registered only in part. Register it again (`flywheel run release`)."
            )
        digest = self._local.fetched(version).digest
        manifest = digest_of((self.folder(version) / MANIFEST).read_bytes())
        expected = {"digest": digest, MANIFEST_SHA256: manifest, "verdict_sha256": digest_of(raw)}
        if any(tags.get(name) != value for name, value in expected.items()):
            raise NotProven(f"release {version}: its stored files are not those that were registered. Train it again.")
        for verdict in (Verdict.from_json(raw), *([other_verdict] if other_verdict else [])):
            if verdict.subject != digest:
                raise NotProven(f"release {version}: the verdict is about another release. Judge this one.")
            if (self.folder(version) / OPERATING_POINT).exists() and "caps" not in gates_of(verdict.objective):
                raise NotProven(
                    f"release {version} acts, and its verdict is that on a mere order. Judge it by its task."
                )
            if not verdict.passed:
                raise NotProven(f"release {version}: {'; '.join(verdict.reasons())}")
        self._signatures.demand(version, self.folder(version))
        if self._served:
            proof.demand(version, digest, tags)
        return digest, manifest
