"""What was decided as a row of the decisions table, for the decision log."""

from datetime import datetime
from typing import Any

import orjson

from infra.clock import written
from serving.case_policy import Decide, Say, ServedCases
from serving.deciding import Decision
from serving.feedback.impression_rows import FLOAT32


class DecisionRows:
    """Writes the decisions of one system. Columns that its table does not have are left out."""

    def __init__(self, served: ServedCases) -> None:
        self._table, self._policy = served.decisions, served.policy
        self._columns = {column.name for column in served.decisions.columns}
        self._asked = [column.name for column in served.asked]  # the others are made at intake, by the same rule

    def of(self, decision: Decision) -> bytes:
        """The row of one decision, as JSON."""
        at, names = written(decision.state.at), self._policy.log
        row: dict[str, Any] = {name: plain(decision.case.given[name]) for name in self._asked}
        row |= {self._table.event_time: at, self._table.received_time: at}
        logged = {
            names.score: decision.score,
            names.threshold: decision.threshold,
            names.reasons: decision.reasons,
            names.propensity: decision.propensity,
            names.by_lot: decision.by_lot,
            names.release: decision.release.version if decision.release else None,
            names.served_by: decision.rung,
            names.variant: decision.variant,
            names.features: None if decision.features is None else decision.features[0],
            **self._own(decision),
        }
        row |= {name: value for name, value in logged.items() if name in self._columns}
        return orjson.dumps(row, option=FLOAT32)

    def _own(self, decision: Decision) -> dict[str, Any]:
        """The columns of a policy's kind."""
        match self._policy:
            case Decide(log=log, follows=follows):
                return {log.action: decision.action} | {
                    name: of[decision.action] for name, of in follows.items() if decision.action in of
                }
            case Say(value=value, promise=promise):
                return {value: decision.value} | ({promise: decision.promise} if promise else {})


def plain(value: Any) -> Any:
    """A value as landing files have it."""
    return written(value.timestamp()) if isinstance(value, datetime) else value
