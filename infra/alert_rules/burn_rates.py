"""The rules that follow from the objectives, as Prometheus reads them.

python -m infra.alert_rules > infra/objectives.yaml
"""

from collections.abc import Iterator

from infra.alert_rules.objectives import OBJECTIVES, Objective

OWNER = "serving"
LEAST = 100  # answers in the long window from which on a share is believed
SECONDS = {"m": 60, "h": 3600, "d": 86400}
HEAD = """# What the online path promises, as burn rates over several windows.
# Generated: python -m infra.alert_rules > infra/objectives.yaml; a test compares the two.
"""


def objectives_yaml() -> str:
    """The file of rules."""
    import yaml

    groups = [{"name": f"objective {o.name}", "rules": [*_recorded(o), *_alerts(o)]} for o in OBJECTIVES]
    text: str = yaml.safe_dump({"groups": groups}, sort_keys=False, width=1000, allow_unicode=True)
    return HEAD + text


def _recorded(objective: Objective) -> Iterator[dict[str, object]]:
    """A burn rate for each window, and how many answers a long one held."""
    windows = sorted({w for burn in objective.burns for w in (burn.long, burn.short)}, key=_seconds)
    for window in windows:
        bad = objective.bad.replace("{window}", window)
        yield {"record": _burn(objective, window), "expr": f"({bad}) / {_on(objective.budget)}"}
    for window in sorted({burn.long for burn in objective.burns}, key=_seconds):
        counted = objective.counted.replace("{window}", window)
        yield {"record": _answers(objective, window), "expr": f"{_seconds(window)} * {counted}"}


def _alerts(objective: Objective) -> Iterator[dict[str, object]]:
    for burn in objective.burns:
        name = f"{objective.alert}{burn.speed}"
        high = " and ".join(f"{_burn(objective, window)} > {burn.factor}" for window in (burn.long, burn.short))
        yield {
            "alert": name,
            "expr": f"{high} and {_answers(objective, burn.long)} >= {LEAST}",
            "labels": {"severity": burn.severity, "objective": objective.name},
            "annotations": {
                "summary": f"{objective.promise}: what may fall short of it is used up more than {burn.factor:g} times "
                f"as fast as thirty days allow, for {burn.long}.",
                "action": objective.action,
                "owner": OWNER,
                "runbook": f"docs/runbook.md#{name.lower()}",
            },
        }


def _burn(objective: Objective, window: str) -> str:
    return f"system:flywheel_{objective.name}:burnrate{window}"


def _answers(objective: Objective, window: str) -> str:
    return f"system:flywheel_{objective.name}_answers:sum{window}"


def _on(budget: str) -> str:
    return f"on (system) {budget}" if "flywheel" in budget else budget


def _seconds(window: str) -> int:
    return int(window[:-1]) * SECONDS[window[-1]]
