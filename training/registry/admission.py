"""What may go live or on trial: a release whose gates passed, and whose files are those that were registered."""

from datetime import datetime

from infra.errors import NotProven
from infra.manifest import digest_of
from infra.release_format import MANIFEST, OPERATING_POINT
from training.registry import proof
from training.registry.deadlines import Deadlines
from training.registry.local_files import Local
from training.registry.signatures import Signatures
from training.registry.versions import MANIFEST_SHA256, VERDICT, Versions
from validation.verdict import Verdict, gates_of


class Admission:
    """The door to traffic.

    served  whether a service follows: then a release needs a proof of its deployment, too
    """

    def __init__(
        self, versions: Versions, local: Local, deadlines: Deadlines, signatures: Signatures, *, served: bool
    ) -> None:
        self._versions, self._local, self._deadlines, self._served = versions, local, deadlines, served
        self._signatures = signatures

    def proven(self, version: str, at: datetime, other_verdict: Verdict | None = None) -> tuple[str, str]:
        """The digest and the manifest's sha256 of a release that may go live; files and verdict are read anew.

        Raises NotProven unless the verdict stored with it passes and is about these very files, and in time.
        """
        self.in_time(version, at)
        tags, raw = self._versions.tags(version), self._versions.artefact(version, VERDICT)
        if MANIFEST_SHA256 not in tags:
            raise NotProven(
                f"release {version}: it was registered only in part. Register it again (`flywheel run release`)."
            )
        digest = self._local.fetched(version).digest
        manifest = digest_of((self._local.folder(version) / MANIFEST).read_bytes())
        expected = {"digest": digest, MANIFEST_SHA256: manifest, "verdict_sha256": digest_of(raw)}
        if any(tags.get(name) != value for name, value in expected.items()):
            raise NotProven(f"release {version}: its stored files are not those that were registered. Train it again.")
        for verdict in (Verdict.from_json(raw), *([other_verdict] if other_verdict else [])):
            if verdict.subject != digest:
                raise NotProven(f"release {version}: the verdict is about another release. Judge this one.")
            if (self._local.folder(version) / OPERATING_POINT).exists() and "caps" not in gates_of(verdict.objective):
                raise NotProven(
                    f"release {version} acts, and its verdict is that on a mere order. Judge it by its task."
                )
            if not verdict.passed:
                raise NotProven(f"release {version}: {'; '.join(verdict.reasons())}")
        self.signed(version)
        if self._served:
            proof.demand(version, digest, tags)
        return digest, manifest

    def signed(self, version: str) -> None:
        """Raise ReleaseNotSigned for a release that no service would take."""
        self._signatures.demand(version, self._local.folder(version))

    def in_time(self, version: str, at: datetime) -> None:
        """Raise NotProven where a release may not be live any more: it learned from people who were erased since."""
        self._deadlines.demand(version, at)
