"""Alert rules: objectives as burn rates, written to infra/objectives.yaml; what a person does about each alert."""

from infra.alert_rules.burn_rates import objectives_yaml
from infra.alert_rules.objectives import OBJECTIVES, Objective
from infra.alert_rules.runbook import RunbookRow, rules, runbook_rows

__all__ = ["OBJECTIVES", "Objective", "RunbookRow", "objectives_yaml", "rules", "runbook_rows"]
