"""Which schedules and sensors are on, as this machine's Dagster has it."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.pipeline import pipelines
from orchestration.system import Installation
from orchestration.up import environment

if TYPE_CHECKING:
    from dagster._core.scheduler.instigation import InstigatorState

ON = "RUNNING"


def switched(defs: dg.Definitions, instance: dg.DagsterInstance) -> dict[str, bool]:
    """Schedule or sensor → whether it is on: as it was switched by hand, else as it is defined."""
    by_default = {
        each.name: each.default_status.value == ON for each in (*(defs.schedules or ()), *(defs.sensors or ()))
    }
    by_hand = {state.instigator_name: state for state in instance.all_instigator_state()}
    return {name: _is_on(by_hand.get(name), on) for name, on in sorted(by_default.items())}


def switches_of(installations: Sequence[Installation]) -> dict[str, bool]:
    """The same of all that runs for these installations, as this machine's Dagster has it."""
    os.environ.update(environment(installations[0].settings))
    with dg.DagsterInstance.get() as instance:
        return switched(pipelines(installations), instance)


def says(states: dict[str, bool]) -> str:
    """Which are on, in a line."""
    on = [name for name, is_on in states.items() if is_on]
    off = len(states) - len(on)
    rest = f"; {off} others are off (`flywheel up --schedules` switches all on)" if off else ""
    return f"On: {', '.join(on) or 'no schedule and no sensor'}{rest}"


def _is_on(state: "InstigatorState | None", by_default: bool) -> bool:
    """Whether it is on; a state that was not chosen by hand follows the definition."""
    if state is None or state.status.value not in {"RUNNING", "STOPPED"}:
        return by_default
    return state.status.value == ON
