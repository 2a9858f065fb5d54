"""How the releases of a system stand after some moves: what is live, what is on trial, the stage of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from training.registry.moves import Move
from training.registry.stages import TRIAL, Stage


@dataclass(frozen=True, slots=True)
class Trial:
    """The release on trial: its stage, the share in per cent that it answers, and what its askers are drawn with.

    since    when it came to this stage     entered  when the trial began
    paused   whether it stays where it is until it is resumed: nothing moves it on by itself
    """

    version: str
    stage: Stage
    share: int
    salt: str
    since: datetime
    entered: datetime
    paused: bool = False


@dataclass(frozen=True)
class Standing:
    """After the moves: the releases that were live, as a stack whose last one is live, the trial and the stages."""

    stack: tuple[str, ...] = ()
    trial: Trial | None = None
    stages: dict[str, Stage] = field(default_factory=dict)

    @property
    def live(self) -> str | None:
        """The release that is live."""
        return self.stack[-1] if self.stack else None

    @property
    def previous(self) -> str | None:
        """The release that a rollback goes to."""
        return self.stack[-2] if len(self.stack) > 1 else None


def standing(moves: Iterable[Move]) -> Standing:
    """How the releases stand after these moves."""
    now = Standing()
    for move in moves:
        now = _after(now, move)
    return now


def live_releases(moves: Sequence[Move]) -> list[str]:
    """The releases as a stack, the live one last: one that goes live is added, one that is taken back goes."""
    return list(standing(moves).stack)


def _after(now: Standing, move: Move) -> Standing:
    stages = {**now.stages}
    if move.goes_live:
        if now.trial:
            stages[now.trial.version] = Stage.ABORTED
        taken_back = move.action == "rollback"
        if now.live:
            stages[now.live] = Stage.ABORTED if taken_back else Stage.RETIRED
        stack = _without(now.stack, now.live) if taken_back else now.stack
        return Standing(_with(stack, move.after), None, stages | {move.after: Stage.CHAMPION})
    stages[move.after] = Stage(move.stage)
    if move.action == "abort":
        trial = now.trial if now.trial and now.trial.version != move.after else None
        return Standing(_without(now.stack, move.after), trial, stages)
    return Standing(now.stack, _tried(now.trial, move), stages)


def _tried(trial: Trial | None, move: Move) -> Trial:
    """The trial after a move that neither ends it nor makes its release live."""
    stage = Stage(move.stage)
    if trial is None or move.action == "enter":
        return Trial(move.after, stage, stage.share, move.salt, since=move.at, entered=move.at)
    if move.action == "advance":
        return replace(trial, stage=stage, share=stage.share, since=move.at)
    return replace(trial, paused=move.action == "pause")


def _without(stack: Sequence[str], version: str | None) -> tuple[str, ...]:
    """The stack without a release: what stands beside itself then is one."""
    left: tuple[str, ...] = ()
    for other in stack:
        left = left if other == version else _with(left, other)
    return left


def _with(stack: tuple[str, ...], version: str) -> tuple[str, ...]:
    return stack if stack[-1:] == (version,) else (*stack, version)


def on_trial(stage: Stage) -> bool:
    """Whether a release of this stage is on trial."""
    return stage in TRIAL
