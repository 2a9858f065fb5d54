"""The stages of a release, and every transition that is allowed between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from infra.errors import MoveRefused


class Stage(StrEnum):
    """Where a release stands. A release is on trial from shadow to the last canary."""

    REGISTERED = "registered"
    GATED = "gated"
    SHADOW = "shadow"
    CANARY_5 = "canary 5"
    CANARY_25 = "canary 25"
    CANARY_50 = "canary 50"
    CHAMPION = "champion"
    RETIRED = "retired"
    ABORTED = "aborted"

    @property
    def share(self) -> int:
        """The share of askers in per cent whom a release of this stage answers."""
        return {Stage.CANARY_5: 5, Stage.CANARY_25: 25, Stage.CANARY_50: 50, Stage.CHAMPION: 100}.get(self, 0)


TRIAL = (Stage.SHADOW, Stage.CANARY_5, Stage.CANARY_25, Stage.CANARY_50)


@dataclass(frozen=True, slots=True)
class Transition:
    """From one stage to another: the cause is a command, or what became of another release."""

    before: Stage
    cause: str
    after: Stage
    says: str = ""


def _of(befores: Iterable[Stage], cause: str, after: Stage, says: str = "") -> list[Transition]:
    return [Transition(before, cause, after, says) for before in befores]


GATES, ENTER, ADVANCE, ABORT, PROMOTE, ROLLBACK, REPLACED = (
    "gates", "enter", "advance", "abort", "promote", "rollback", "replaced",
)  # fmt: skip
UNTRIED = "with a reason that was not given for it before"
TRANSITIONS: tuple[Transition, ...] = (
    Transition(Stage.REGISTERED, GATES, Stage.GATED, "every gate passed; a refused one stays registered"),
    Transition(Stage.GATED, ENTER, Stage.SHADOW, "the first of a system becomes champion at once"),
    Transition(Stage.ABORTED, ENTER, Stage.SHADOW, UNTRIED),
    *(Transition(before, ADVANCE, after) for before, after in zip(TRIAL, (*TRIAL[1:], Stage.CHAMPION), strict=True)),
    *_of((Stage.GATED, *TRIAL, Stage.RETIRED), PROMOTE, Stage.CHAMPION, "by hand, to all askers at once"),
    Transition(Stage.ABORTED, PROMOTE, Stage.CHAMPION, UNTRIED),
    Transition(Stage.RETIRED, ROLLBACK, Stage.CHAMPION, "the one that was champion before"),
    Transition(Stage.CHAMPION, ROLLBACK, Stage.ABORTED, "the one that is taken back"),
    *_of(TRIAL, ROLLBACK, Stage.ABORTED, "the trial ends when the champion is taken back"),
    *_of(TRIAL, REPLACED, Stage.ABORTED, "another release was promoted by hand"),
    Transition(Stage.CHAMPION, REPLACED, Stage.RETIRED, "another release became champion"),
    *_of((Stage.REGISTERED, Stage.GATED, *TRIAL), ABORT, Stage.ABORTED),
    Transition(Stage.RETIRED, ABORT, Stage.ABORTED, "no rollback goes back to it any more"),
)
ALLOWED = {(transition.before, transition.cause): transition for transition in TRANSITIONS}
HEAD = ("from", "by", "to", "")


def after(version: str, before: Stage, cause: str) -> Stage:
    """The stage after a command; raises MoveRefused when it is not allowed from where the release stands."""
    transition = ALLOWED.get((before, cause))
    if transition is None:
        allowed = sorted({t.cause for t in TRANSITIONS if t.before is before} - {GATES, REPLACED})
        raise MoveRefused(
            f"release {version} is {before}: `{cause}` is not allowed from there, only {_listed(allowed)} "
            "(docs/rollout.md). See `flywheel releases`."
        )
    return transition.after


def table() -> str:
    """The transitions as a table in Markdown."""
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [(t.before, f"`{t.cause}`", t.after, t.says) for t in TRANSITIONS]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _listed(causes: list[str]) -> str:
    return ", ".join(f"`{cause}`" for cause in causes) or "nothing"
