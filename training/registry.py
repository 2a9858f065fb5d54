"""The registry of releases: MLflow holds the versions, a history says which one is live, serving follows a pointer."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from training import history
from training.history import History, Move
from training.versions import PROMISED, VERDICT, Versions, sha256
from validation.errors import NotProven, ReleaseMismatch
from validation.manifest import MANIFEST, verify
from validation.settings import Settings
from validation.verdict import Verdict
from validation.whole import whole

if TYPE_CHECKING:
    from training.contenders import Fitted
    from training.report import Report
    from training.shelves import Popular

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


class Registry:
    """The releases of one system.

    A move is written to the history first; aliases and pointer follow from it, so that the next move, or `settle`,
    mends whatever a crash left undone. Whoever moves holds the history's lock.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self._name = name
        self._folder = settings.releases / name
        self._history = History(self._folder / "history.jsonl")
        self._versions = Versions(settings, name)

    def next_version(self) -> str:
        """The version that the next registered release will bear, and that its manifest has to name."""
        return self._versions.next()

    def newest(self) -> str:
        """The version registered last; raises NotProven when there is none."""
        return self._versions.newest()

    def register(self, folder: Path, report: "Report", verdict: Verdict) -> str:
        """Put a built release into MLflow with its verdict; returns its version. A refused one is kept, never live."""
        manifest = verify(folder)
        told = f"release {manifest.version} of {manifest.system}"
        if verdict.subject != manifest.digest:
            raise ReleaseMismatch(f"{told}: the verdict is about another release. Judge this one.")
        raw = verdict.to_json().encode()
        tags = {
            "digest": manifest.digest,
            "manifest_sha256": sha256((folder / MANIFEST).read_bytes()),
            "dataset_digest": manifest.dataset_digest,
            "features_digest": manifest.features_digest,
            "verdict": "passed" if verdict.passed else "refused",
            "verdict_sha256": sha256(raw),
        }
        with self._history.locked():
            if manifest.version != self.next_version():
                raise ReleaseMismatch(f"{told}: the registry's next version is {self.next_version()}. Build it again.")
            version = self._versions.create(folder, manifest, report, raw, tags)
            if verdict.passed:
                self._versions.alias(CHALLENGER, version)
        return version

    def promote(self, version: str, verdict: Verdict | None = None, *, who: str, why: str, at: datetime) -> None:
        """Make a release live. Raises NotProven unless the verdict stored with it passes and is about these very files.

        A verdict given here is asked too, never instead. Promoting what is live already moves nothing.
        """
        with self._history.locked():
            digest = self._proven(version, verdict)
            self._settle()
            if self.live() != version:
                self._move(Move(at, "promote", self.live(), version, digest, who, why))

    def rollback(self, who: str, why: str, at: datetime) -> str:
        """Make the release that was live before this one live again; returns its version."""
        with self._history.locked():
            standing = history.standing(self._history.read())
            if len(standing) < 2:
                now = f"release {standing[0]} is the first that was live" if standing else "no release was ever live"
                raise NotProven(f"{self._name}: {now}; there is nothing to roll back to. Promote another one.")
            digest = verify(self.folder(standing[-2])).digest
            self._move(Move(at, "rollback", standing[-1], standing[-2], digest, who, why))
        return standing[-2]

    def live(self) -> str | None:
        """The version that is live."""
        standing = history.standing(self._history.read())
        return standing[-1] if standing else None

    def live_at(self, moment: datetime) -> str | None:
        """The version that was live at a moment."""
        return history.live_at(self._history.read(), moment)

    def history(self) -> tuple[Move, ...]:
        """What was live when, who moved it, and why; oldest first."""
        return self._history.read()

    def settle(self) -> None:
        """Make aliases and pointer say what the history says: after a crash, or when a folder was lost."""
        with self._history.locked():
            self._settle()

    def folder(self, version: str) -> Path:
        """The release's files, verified; fetched again when they are not there or not as they were built."""
        target = self._folder / version
        try:
            verify(target)
        except ReleaseMismatch:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._versions.fetch(version, target)
            verify(target)
        return target

    def verdict(self, version: str) -> Verdict:
        """The verdict stored with a release."""
        return Verdict.from_json(self._versions.artefact(version, VERDICT))

    def promised(self, version: str) -> Mapping[str, float]:
        """What the release measured on its judge rows: auc, ndcg_at_10, …"""
        found = msgspec.json.decode(self._versions.artefact(version, PROMISED), type=dict[str, Any])
        return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}

    def popular(self, version: str) -> "Popular":
        """The lists the release carries."""
        from training import shelves

        return shelves.read((self.folder(version) / "popular.json").read_bytes())

    def scorer(self, version: str) -> "Fitted":
        """The release's model."""
        from training import saved

        return saved.load(self.folder(version))

    def _proven(self, version: str, given: Verdict | None) -> str:
        """The digest of a release whose stored verdict passes; files and verdict are fetched and read again."""
        tags, raw = self._versions.tags(version), self._versions.artefact(version, VERDICT)
        target = self._folder / version
        self._folder.mkdir(parents=True, exist_ok=True)
        self._versions.fetch(version, target)
        digest = verify(target).digest
        found = {
            "digest": digest,
            "manifest_sha256": sha256((target / MANIFEST).read_bytes()),
            "verdict_sha256": sha256(raw),
        }
        if any(tags.get(name) != value for name, value in found.items()):
            raise NotProven(f"release {version}: its stored files are not those that were registered. Train it again.")
        for verdict in (Verdict.from_json(raw), *([given] if given else [])):
            if verdict.subject != digest:
                raise NotProven(f"release {version}: the verdict is about another release. Judge this one.")
            if not verdict.passed:
                raise NotProven(f"release {version}: {'; '.join(verdict.reasons())}")
        return digest

    def _move(self, move: Move) -> None:
        self._history.append(move)
        self._settle()

    def _settle(self) -> None:
        standing = history.standing(self._history.read())
        if not standing:
            return
        before = self._pointer(standing[-2]) if len(standing) > 1 else None
        content = msgspec.json.encode({CHAMPION: self._pointer(standing[-1]), PREVIOUS: before})
        path = self._folder / "live.json"
        if path.exists() and path.read_bytes() == content:
            return
        self._set_aliases(standing)
        with whole(path) as draft:  # last: serving sees a move once everything else says so
            draft.write_bytes(content)

    def _pointer(self, version: str) -> dict[str, str]:
        manifest = (self.folder(version) / MANIFEST).read_bytes()
        return {"version": version, "path": version, "manifest_sha256": sha256(manifest)}

    def _set_aliases(self, standing: list[str]) -> None:
        self._versions.alias(CHAMPION, standing[-1])
        self._versions.alias(PREVIOUS, standing[-2] if len(standing) > 1 else None)
        if self._versions.aliases().get(CHALLENGER) == standing[-1]:
            self._versions.alias(CHALLENGER, None)
