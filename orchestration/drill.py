"""The drill of a rollback: what is live is taken back and made live again; how fast the service follows is measured.

It is done on what is live, because only that shows that a rollback works here. Both releases were champions, so nobody
is shown anything untried. While a release is on trial there is none: a rollback would end the trial.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from infra import alerts
from infra.errors import FlywheelError, Overtaken, Unavailable
from infra.machine_decisions import Did, MachineDecision, note, noted
from orchestration.client import served_releases
from orchestration.system import Installation

WHO = "drill"
WITHIN_S = 5.0
GIVEN_UP_S, AGAIN_S = 60.0, 0.2
INTERRUPTED = timedelta(minutes=5)
ALL = 1_000_000  # decisions: the last drill may be older than the newest hundred


@dataclass(frozen=True, slots=True)
class Drilled:
    """What came of a drill: `drill`, or `hold` when there was none; a sentence; the seconds it took."""

    did: Did
    says: str
    evidence: Mapping[str, str | float] = field(default_factory=dict)
    in_time: bool = True


def drill(installation: Installation) -> Drilled:
    """Roll back and forward again, and note it; a service that follows too slowly, or not, is an alert."""
    finish_interrupted(installation, timedelta(0))
    epoch = installation.registry.epoch()  # of then is all that follows: who moves a release meanwhile wins
    hindrance = _hindrance(installation)
    outcome = Drilled("hold", f"no drill: {hindrance}") if hindrance else _there_and_back(installation, epoch)
    now, live = installation.now(), installation.registry.live()
    note(installation.settings.part, MachineDecision(now, outcome.did, outcome.says, live, outcome.evidence))
    if not outcome.in_time:
        alerts.write(installation.settings.home, now, drill=outcome.says, registry=installation.system.name)
    return outcome


def drill_age(installation: Installation) -> timedelta | None:
    """How long ago the last drill was; None when there was none yet."""
    drills = [each.at for each in noted(installation.settings.part, ALL) if each.did == "drill"]
    return installation.now() - drills[-1] if drills else None


def finish_interrupted(installation: Installation, after: timedelta = INTERRUPTED) -> str | None:
    """Make the release live again that a drill took back so long ago, where its process has died since; its version."""
    epoch = installation.registry.epoch()
    moves = installation.registry.history()
    if not moves or (moves[-1].action, moves[-1].who) != ("rollback", WHO):
        return None
    now = installation.now()
    if now - moves[-1].at < after or moves[-1].before is None:
        return None
    overtaken = _forward(installation, moves[-1].before, "the drill was interrupted", epoch)
    return None if overtaken else moves[-1].before


def _hindrance(installation: Installation) -> str | None:
    """Why no drill may be made now."""
    registry = installation.registry
    trial, live, now = registry.trial(), registry.live(), installation.now()
    if trial:
        return f"release {trial.version} is on trial ({trial.stage}); a rollback would end it."
    previous = registry.standing().previous
    if live is None or previous is None:
        return "there is nothing to roll back to."
    late = [version for version, deadline in registry.deadlines().items() if deadline.passed(now)]
    if {live, previous} & {*late}:
        return f"release {', '.join(late)} may not go live any more."
    try:
        registry.promote(live, who=WHO, why="may it go live again?", at=now)  # it is live: nothing moves
        return None if served_releases(installation.settings) == {live} else f"the service does not serve {live} alone."
    except FlywheelError as hindered:
        return str(hindered)


def _there_and_back(installation: Installation, epoch: int) -> Drilled:
    registry, live, now = installation.registry, str(installation.registry.live()), installation.now()
    try:
        previous = registry.rollback(WHO, f"drill of {now:%Y-%m-%d %H:%M:%S}", now, epoch=epoch)
    except Overtaken as overtaken:
        return Drilled("hold", f"no drill: {overtaken}")
    try:
        back_s = _followed_s(installation, previous)
    finally:
        meanwhile = _forward(installation, live, f"end of the drill at move {epoch + 1}", epoch + 1)
    forward_s = None if meanwhile else _followed_s(installation, live)
    in_time = all(seconds is not None and seconds <= WITHIN_S for seconds in (back_s, forward_s))
    says = f"rolled back from release {live} to {previous} and forward again: {_says(back_s)}, and {_says(forward_s)}."
    evidence: dict[str, str | float] = {
        "from": live,
        "to": previous,
        "back_s": back_s or -1.0,
        "forward_s": forward_s or -1.0,
    }
    return Drilled("drill", f"{says} {meanwhile}".strip(), evidence, in_time)


def _forward(installation: Installation, version: str, why: str, epoch: int) -> str:
    """Make a release live again; says who moved another one meanwhile: then that holds."""
    now = installation.now()
    try:
        installation.registry.promote(version, who=WHO, why=f"{why} ({now:%Y-%m-%d %H:%M:%S})", at=now, epoch=epoch)
    except Overtaken as overtaken:
        return str(overtaken)
    return ""


def _followed_s(installation: Installation, version: str) -> float | None:
    """The seconds until every worker serves a release; None when they do not for long."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < GIVEN_UP_S:
        try:
            if served_releases(installation.settings) == {version}:
                return passed
        except Unavailable:  # busy: it is asked again
            pass
        time.sleep(AGAIN_S)
    return None


def _says(seconds: float | None) -> str:
    if seconds is None:
        return f"not every worker followed within {GIVEN_UP_S:g} s"
    return f"every worker followed in {seconds:.1f} s" + (f" (limit {WITHIN_S:g} s)" if seconds > WITHIN_S else "")
