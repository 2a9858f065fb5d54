"""What every story does as a step: run a Dagster job, go on at a later moment, roll back."""

from datetime import date, datetime
from typing import Any

import dagster as dg

from infra.errors import FlywheelError
from orchestration import runs
from orchestration.assets.training import GATES
from orchestration.demo import scenes
from orchestration.demo_console import DemoConsole
from orchestration.system import Installation


def run_job(
    stage: DemoConsole, installation: Installation, job: str, title: str, days: tuple[date, date], *,
    why: str | None = None, may_be_refused: bool = False,
) -> dg.ExecuteInProcessResult:  # fmt: skip
    """Run a Dagster job as one step; raises FlywheelError when it fails, but not on a refusal that is allowed."""
    messages: list[str] = []
    first, last = days
    with stage.step(title) as line:
        result = runs.execute(installation, job, first, last, messages.append, why)
        refused = any(c.check_name == GATES and not c.passed for c in result.get_asset_check_evaluations())
        line.says = f"job {job}, " + (f"{first} to {last}" if first != last else f"{last}")
        if not (result.success or (refused and may_be_refused)):
            raise FlywheelError(f"job {job} for {first} to {last} failed:\n" + "\n".join(messages))
    for text in messages:
        stage.say(text)
    return result


def moved(installation: Installation, moment: datetime) -> Installation:
    """The same installation, later."""
    return Installation(installation.system, installation.settings.model_copy(update={"replay_from": moment}))


def retrained(stage: DemoConsole, installation: Installation, *, success: bool) -> None:
    """What became of a retraining: a story has no days for a trial, so what is in shadow is promoted by hand."""
    registry = installation.registry
    trial = registry.trial() if success else None
    if trial:
        stage.say(f"release {trial.version} is in {trial.stage}, as each new one; it is promoted by hand for the story")
        registry.promote(trial.version, who="demo", why="by hand for the story", at=installation.now())
    stage.say(f"release {registry.live()} is live" if success else f"refused, so release {registry.live()} stays live")


def roll_back(stage: DemoConsole, installation: Installation, learned: dict[str, Any]) -> None:
    """Back to the release before, where there is one; what was seen is learned."""
    if len(installation.registry.history()) > 1:
        learned["rollback"] = scenes.rollback(stage, installation)
    else:
        stage.say("nothing to roll back to: the first release is still live")
