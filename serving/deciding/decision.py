"""One case as it was asked, and what was decided of it."""

from dataclasses import dataclass, field
from typing import Any

from infra.arrays import Float32s
from serving.asker import CaseState
from serving.assignment import CHAMPION
from serving.model import CaseRelease


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its key and what the request gives, with the `digest` of it; `gone`: its person was erased."""

    key: str
    given: dict[str, Any]
    digest: bytes
    preview: bool = False
    gone: bool = False

    @property
    def leaves_no_trace(self) -> bool:
        """Whether nothing of it is stored: it was only asked to look, or its person was erased."""
        return self.preview or self.gone


@dataclass(slots=True)
class Scored:
    """A case's score with the features (1, features) that it was made of, or `why` there is none.

    took_s  CPU time of features and score
    """

    score: float | None = None
    features: Float32s | None = None
    release: CaseRelease | None = None
    rung: str = ""
    why: str | None = None
    promise: float | None = None
    took_s: float = 0.0


@dataclass(slots=True)
class Decision:
    """What was decided of a case. `propensity` is the probability of the action; None where nobody can say it.

    action     for a policy that decides     value  for one that says a number, with the promise where there is one
    threshold  the score from which it would not have got the usual action
    reasons    rules that held, then the features that counted most
    variant    what the case was drawn for
    """

    case: Case
    state: CaseState
    request_id: str
    rung: str
    reason: str | None
    action: str = ""
    value: float | None = None
    promise: float | None = None
    score: float | None = None
    threshold: float | None = None
    propensity: float | None = 1.0
    by_lot: bool = False
    reasons: list[str] = field(default_factory=list)
    features: Float32s | None = None
    release: CaseRelease | None = None
    variant: str = CHAMPION
    took_s: float = 0.0
