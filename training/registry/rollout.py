"""Every move of a release: one at a time, decided on what is live and on trial now, checked against the transitions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from infra.errors import MoveRefused, NotProven, Overtaken, Unavailable
from infra.manifest import digest_of
from infra.release_format import MANIFEST
from training.registry import stages
from training.registry.admission import Admission
from training.registry.history import History
from training.registry.live import Live
from training.registry.local_files import Local
from training.registry.moves import Action, Move, epoch_of
from training.registry.stages import Stage
from training.registry.standing import Standing, Trial, standing
from validation.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Order:
    """Who orders a move, why, when and on what evidence.

    epoch  at which it was decided: a move at another one is refused; None: whatever is now
    """

    who: str
    why: str
    at: datetime
    evidence: str = ""
    epoch: int | None = None


class Settle(Protocol):
    """Finishes what a crash left half done, and puts right, with an alert, what was changed from outside."""

    def __call__(self, at: datetime, *, leaving: bool = False) -> None:
        """`leaving`: before a move by which askers leave a release, MLflow is not waited for."""


@dataclass(frozen=True)
class Rollout:
    """The moves of one system's releases. Each holds the history's lock, and settles first.

    stage  says where a release stands that no move was about
    """

    name: str
    history: History
    live: Live
    admission: Admission
    local: Local
    stage: Callable[[str], Stage]
    settle: Settle

    def enter(self, version: str, order: Order) -> Stage:
        """Put a release on trial, in shadow; the first of a system becomes champion at once. Returns its stage.

        Entering what is on trial or live already moves nothing.
        """
        with self._moving(order) as moves:
            now = standing(moves)
            if version in {now.live, now.trial.version if now.trial else None}:
                return now.stages[version]
            if now.trial:
                raise MoveRefused(
                    f"release {version} cannot enter: release {now.trial.version} is on trial ({now.trial.stage}). "
                    "Wait for its end, or end it (`flywheel abort --why …`)."
                )
            if now.live is None:
                self._promote(version, order, moves, None)
                return Stage.CHAMPION
            digest, manifest = self.admission.proven(version, order.at)
            stage = self._allowed(version, stages.ENTER, order, moves)
            salt = digest_of(f"{self.name}:{version}:{epoch_of(moves) + 1}".encode())[:16]
            self._move("enter", version, stage, order, moves, digest=digest, manifest=manifest, salt=salt)
            return stage

    def advance(self, order: Order) -> Stage:
        """Move the release on trial to its next stage, which it returns: from the last canary it becomes champion."""
        with self._moving(order) as moves:
            trial = self._on_trial(standing(moves), stages.ADVANCE)
            stage = self._allowed(trial.version, stages.ADVANCE, order, moves)
            if stage is Stage.CHAMPION:
                self.admission.proven(trial.version, order.at)
            self._move("advance", trial.version, stage, order, moves)
            return stage

    def abort(self, order: Order, version: str | None = None) -> str:
        """End the trial, or give up a release that is neither live nor on trial; returns its version."""
        with self._moving(order, leaving=True) as moves:
            aborted = version or self._on_trial(standing(moves), stages.ABORT).version
            stage = self._allowed(aborted, stages.ABORT, order, moves)
            self._move("abort", aborted, stage, order, moves)
            return aborted

    def pause(self, order: Order, *, paused: bool) -> None:
        """Leave the trial where it is until it is resumed; what is so already moves nothing."""
        action: Action = "pause" if paused else "resume"
        with self._moving(order) as moves:
            trial = self._on_trial(standing(moves), action)
            if trial.paused is not paused:
                self._move(action, trial.version, trial.stage, order, moves)

    def promote(self, version: str, order: Order, verdict: Verdict | None = None) -> None:
        """Make a release live at once; a trial of another one ends. Promoting what is live already moves nothing."""
        with self._moving(order) as moves:
            self._promote(version, order, moves, verdict)

    def rollback(self, order: Order) -> str:
        """Make the release that was live before this one live again; a trial ends. Returns its version."""
        with self._moving(order, leaving=True) as moves:
            now = standing(moves)
            if now.previous is None:
                what = f"release {now.live} is the first that was live" if now.live else "no release was ever live"
                raise NotProven(f"{self.name}: {what}; there is nothing to roll back to. Promote another one.")
            self.admission.in_time(now.previous, order.at)
            with suppress(Unavailable):
                self.stage(now.previous)  # raises ReleaseMismatch where MLflow has it no more
            digest = next(move.digest for move in reversed(moves) if move.after == now.previous)
            target = self.local.as_it_was(now.previous, digest)
            self.admission.signed(now.previous)
            manifest = digest_of((target / MANIFEST).read_bytes())
            self._move("rollback", now.previous, None, order, moves, digest=digest, manifest=manifest)
            return now.previous

    @contextmanager
    def _moving(self, order: Order, *, leaving: bool = False) -> Iterator[Sequence[Move]]:
        """The moves so far, while nobody else moves; raises Overtaken when there are more than the order knew."""
        with self.history.locked():
            self.settle(order.at, leaving=leaving)
            moves = self.live.moves()
            if order.epoch not in {None, epoch_of(moves)}:
                raise Overtaken(_overtaken(self.name, order.epoch, moves))
            yield moves

    def _promote(self, version: str, order: Order, moves: Sequence[Move], verdict: Verdict | None) -> None:
        digest, manifest = self.admission.proven(version, order.at, verdict)
        if standing(moves).live != version:
            self._allowed(version, stages.PROMOTE, order, moves)
            self._move("promote", version, None, order, moves, digest=digest, manifest=manifest)

    def _allowed(self, version: str, cause: str, order: Order, moves: Sequence[Move]) -> Stage:
        """The stage after a command; what was aborted needs a reason that no move of it had before."""
        before = standing(moves).stages.get(version) or self.stage(version)
        stage = stages.after(version, before, cause)
        if before is Stage.ABORTED and order.why in {move.why for move in moves if move.after == version}:
            raise MoveRefused(
                f"release {version} was aborted, and `{order.why}` was given as a reason for it before. Say what has "
                "changed since (`--why …`)."
            )
        return stage

    def _on_trial(self, now: Standing, action: str) -> Trial:
        if now.trial is None:
            raise MoveRefused(
                f"{self.name}: no release is on trial: there is nothing to {action}. See `flywheel releases`."
            )
        return now.trial

    def _move(
        self, action: Action, version: str, stage: Stage | None, order: Order, moves: Sequence[Move], *,
        digest: str = "", manifest: str = "", salt: str = "",
    ) -> None:  # fmt: skip
        earlier = next((move for move in reversed(moves) if move.after == version), None)
        self.live.move(
            Move(
                order.at, action, standing(moves).live, version, digest or (earlier.digest if earlier else ""),
                order.who, order.why, manifest or (earlier.manifest if earlier else ""), stage=stage or "",
                epoch=epoch_of(moves) + 1, evidence=order.evidence, salt=salt,
            )
        )  # fmt: skip


def _overtaken(name: str, epoch: int | None, moves: Sequence[Move]) -> str:
    last = moves[-1] if moves else None
    meanwhile = f"{last.who} made the move `{last.action}` of release {last.after} ({last.why})" if last else "none"
    return (
        f"{name}: this move was decided at epoch {epoch}, and now it is {epoch_of(moves)}: {meanwhile}. "
        "Look again (`flywheel releases`) and decide anew."
    )
