"""The proof of a deployment: that a built service loaded a release and answered with it, as a tag of the version."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from infra.errors import NotProven

TAG = "deployment"
LONGEST = 1_000  # MLflow cuts or refuses longer tags


class Proof(msgspec.Struct, frozen=True):
    """Whether a built service loaded the release whose files have this digest, when, and a sentence about it."""

    passed: bool
    digest: str
    at: datetime
    says: str

    def to_tag(self) -> str:
        """The proof as the value of a tag."""
        return msgspec.json.encode(msgspec.structs.replace(self, says=self.says[:LONGEST])).decode()


def demand(version: str, digest: str, tags: Mapping[str, str]) -> None:
    """Raise NotProven unless a version's tags hold a proof that passed and is about these very files."""
    again = f"Prove it (`flywheel prove {version}`), then promote it."
    if TAG not in tags:
        raise NotProven(f"release {version}: no built service has taken it yet. {again}")
    try:
        proof = msgspec.json.decode(tags[TAG], type=Proof)
    except msgspec.MsgspecError as broken:
        raise NotProven(f"release {version}: its tag `{TAG}` is no proof: {broken}. {again}") from broken
    if proof.digest != digest:
        raise NotProven(f"release {version}: the proof of its deployment is about other files. {again}")
    if not proof.passed:
        raise NotProven(f"release {version}: the proof of its deployment failed: {proof.says} {again}")
