"""The steps of a run, printed as they begin and end: a run of many minutes shows its progress."""

from collections.abc import Callable
from dataclasses import dataclass, field

import dagster as dg

BEGINS, ENDS, FAILS = dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE


@dataclass
class Steps:
    """Says a line when a step of a run begins, and one with its seconds when it ends."""

    say: Callable[[str], None]
    _began: dict[str, float] = field(default_factory=dict)

    def __call__(self, entry: dg.EventLogEntry) -> None:
        """Take an event of the run."""
        event, step, at = entry.dagster_event, entry.step_key, entry.timestamp
        if event is None or step is None:
            return
        if event.event_type is BEGINS:
            self._began[step] = at
            self.say(f"  {step} …")
        elif event.event_type in (ENDS, FAILS) and step in self._began:
            word = "took" if event.event_type is ENDS else "failed after"
            self.say(f"  {step} {word} {at - self._began.pop(step):.1f} s")
