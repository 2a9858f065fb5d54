"""The registry of releases: MLflow holds the versions, a history says which one is live, serving follows a pointer."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from infra import alerts
from infra.errors import NotProven, ReleaseMismatch
from infra.manifest import Manifest, digest_of, read_manifest, verify
from infra.release_format import MANIFEST, Popular, read_popular
from infra.settings import Settings
from training.registry import moves, proof
from training.registry.admission import Admission
from training.registry.deadlines import Deadline, Deadlines
from training.registry.history import History
from training.registry.live import Live
from training.registry.local_files import Local
from training.registry.moves import Move, epoch_of
from training.registry.proof import Proof
from training.registry.rollout import Order, Rollout
from training.registry.signatures import Signatures
from training.registry.stages import Stage
from training.registry.standing import Standing, Trial, standing
from training.registry.versions import PROMISED, RELEASE, VERDICT, Versions
from validation.verdict import Verdict

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
        self._name, self._home = name, settings.home
        self._folder = settings.of(name).releases
        self._history = History(self._folder / "history.jsonl")
        self._deadlines = Deadlines(self._folder / "deadlines.json")
        self._versions = Versions(settings, name)
        self._local = Local(self._folder, self._versions)
        self._signatures = Signatures(settings, name, self._versions, self._local)
        self._live = Live(self._folder, self._history, self._versions, self._local, self._signatures)
        door = Admission(self._versions, self._local, self._deadlines, self._signatures, served=served)
        self._rollout = Rollout(name, self._history, self._live, door, self._local, self._judged, self._settle)

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
        return self._versions.create(folder, manifest, report, raw, tags, sign)

    def deployed(self, version: str, passed: bool, says: str, at: datetime) -> None:
        """Record whether a built service took a release and answered with it."""
        proven = Proof(passed, read_manifest(self.folder(version)).digest, at, says)
        self._versions.tag(version, proof.TAG, proven.to_tag())

    def enter(
        self, version: str, who: str, why: str, at: datetime, evidence: str = "", epoch: int | None = None
    ) -> Stage:
        """Put a release on trial, in shadow; the first of a system becomes champion at once. Returns its stage.

        Raises NotProven as `promote` does, and MoveRefused while another release is on trial. Entering what is on
        trial or live already moves nothing.
        """
        return self._rollout.enter(version, Order(who, why, at, evidence, epoch))

    def advance(self, who: str, why: str, at: datetime, evidence: str = "", epoch: int | None = None) -> Stage:
        """Move the release on trial to its next stage, which is returned: from the last canary it becomes champion."""
        return self._rollout.advance(Order(who, why, at, evidence, epoch))

    def abort(
        self, who: str, why: str, at: datetime, evidence: str = "", epoch: int | None = None,
        version: str | None = None,
    ) -> str:  # fmt: skip
        """End the trial, or give up another release that is not live; returns the version of which."""
        return self._rollout.abort(Order(who, why, at, evidence, epoch), version)

    def pause(self, who: str, why: str, at: datetime, evidence: str = "", epoch: int | None = None) -> None:
        """Leave the trial at its stage: nothing moves it on by itself until it is resumed."""
        self._rollout.pause(Order(who, why, at, evidence, epoch), paused=True)

    def resume(self, who: str, why: str, at: datetime, evidence: str = "", epoch: int | None = None) -> None:
        """Let a paused trial go on."""
        self._rollout.pause(Order(who, why, at, evidence, epoch), paused=False)

    def promote(
        self, version: str, verdict: Verdict | None = None, *, who: str, why: str, at: datetime, evidence: str = "",
        epoch: int | None = None,
    ) -> None:  # fmt: skip
        """Make a release live. Raises NotProven unless the verdict stored with it passes and is about these very files.

        A `verdict` passed here must pass too, and where a service follows, the proof of its deployment. Promoting what
        is live already moves nothing. A trial of another release ends.
        """
        self._rollout.promote(version, Order(who, why, at, evidence, epoch), verdict)

    def rollback(self, who: str, why: str, at: datetime, evidence: str = "", epoch: int | None = None) -> str:
        """Make the release that was live before this one live again; returns its version. A trial ends."""
        return self._rollout.rollback(Order(who, why, at, evidence, epoch))

    def trial(self) -> Trial | None:
        """The release on trial, None when there is none."""
        return self.standing().trial

    def epoch(self) -> int:
        """The number of the last move. A move that names it is refused when another one was made since."""
        return epoch_of(self._live.moves())

    def stage_of(self, version: str) -> Stage:
        """Where a release stands; raises ReleaseMismatch when there is none of that number."""
        return self.standing().stages.get(version) or self._judged(version)

    def stages(self) -> dict[str, Stage]:
        """Where each release stands that is registered or was moved, by version."""
        judged = {version: _judged(verdict) for version, verdict in self._versions.verdicts().items()}
        return dict(sorted({**judged, **self.standing().stages}.items(), key=lambda stage: int(stage[0])))

    def standing(self) -> Standing:
        """What is live and on trial, and the stage of each release that was moved."""
        return standing(self._live.moves())

    def _judged(self, version: str) -> Stage:
        """The stage of a release that was never moved."""
        verdict = self._versions.verdicts().get(version)
        return _judged(verdict if verdict else self._versions.tags(version).get("verdict", ""))

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
        return self.standing().live

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
        """The releases that retention never removes: previous, best, newest, live or on trial now or within `days`."""
        history, since = self._live.moves(), now - timedelta(days=days)
        lately = {move.after for move in history if move.at >= since} | {moves.live_at(history, since)}
        trial = self.trial()
        kept = {*standing(history).stack[-2:], *lately, self.best(), self._versions.newest()}
        return {version for version in {*kept, trial.version if trial else None} if version}

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
            return self._put_right()

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
            return [*([takeover] if takeover else []), *self._put_right()]

    def restored(self, who: str, why: str, at: datetime) -> str | None:
        """After a restored backup, say anew what is live, so that services that have seen later moves follow again."""
        with self._history.locked():
            self._settle(at)
            live = self._live.restored(who, why, at)
            self._settle(at)
            return live

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

    def _put_right(self, *, leaving: bool = False) -> list[str]:
        """Settle everything. What is older than signatures gets its own first: nothing unsigned is pointed to."""
        moves = self._live.moves()
        signed = self._signatures.take_over(moves) if moves else []
        settled = self._live.settle(leaving=leaving)
        pointed = self._signatures.settle(self._live.moves(), self._live.point, anew=bool(signed))
        return [*settled, *signed, *pointed]

    def _settle(self, at: datetime, *, leaving: bool = False) -> None:
        for sentence in self._put_right(leaving=leaving):
            alerts.write(self._home, at, registry=self._name, disagreement=sentence)


def _judged(verdict: str) -> Stage:
    """The stage of a release that was never moved, by what the gates said of it."""
    return Stage.GATED if verdict == "passed" else Stage.REGISTERED
