"""Alert rules: each fires when it should and not just before, says what to do, and Prometheus accepts it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.alert_rules import OBJECTIVES, objectives_yaml, rules, runbook_rows
from infra.alert_rules.runbook import FILES, INFRA
from tests.infra.alert_rules.cases import CASES, Case, Series
from tests.infra.alert_rules.promtool import run

ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def test_the_file_of_objectives_is_what_the_objectives_say() -> None:
    assert (INFRA / "objectives.yaml").read_text() == objectives_yaml(), "python -m infra.alert_rules > …"


def test_prometheus_accepts_every_rule() -> None:
    assert run("check", "rules", *(INFRA / name for name in FILES)).count("SUCCESS") == len(FILES)


def test_prometheus_refuses_a_broken_rule(tmp_path: Path) -> None:
    broken = {"groups": [{"name": "x", "rules": [{"alert": "X", "expr": "sum by (("}]}]}
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(broken))
    with pytest.raises(AssertionError, match="could not parse expression"):
        run("check", "rules", tmp_path / "broken.yaml")


def test_every_alert_has_a_series_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    assert set(CASES) == set(ALERTS)


@pytest.mark.parametrize("every", sorted({case.every for case in CASES.values()}))
@pytest.mark.parametrize("fires", [True, False], ids=["when it should", "not just before"])
def test_an_alert_fires(fires: bool, every: int, tmp_path: Path) -> None:
    """All alerts of one interval at once: to begin a test costs promtool a quarter of a second."""
    tried(tmp_path, {alert: case for alert, case in CASES.items() if case.every == every}, fires=fires)


def tried(folder: Path, cases: dict[str, Case], *, fires: bool) -> None:
    """Have promtool try some alerts; of each exactly the one that is expected, with all it says, or none."""
    every = next(iter(cases.values())).every
    series = [pair for alert, case in cases.items() for pair in _series(alert, case.fires if fires else case.quiet)]
    group = {
        "interval": f"{every}m",
        "input_series": series,
        "alert_rule_test": [_expected(alert, case, fires=fires) for alert, case in cases.items()],
    }
    files = [str(INFRA / name) for name in FILES]
    written = {"rule_files": files, "evaluation_interval": f"{every}m", "tests": [group]}
    (folder / "cases.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
    run("test", "rules", folder / "cases.yaml")


def _series(system: str, series: Series) -> Iterator[dict[str, str]]:
    for name, values in series.items():
        plain, _, labels = name.rstrip("}").partition("{")
        with_system = ",".join(filter(None, (f'system="{system}"', labels)))
        yield {"series": f"{plain}{{{with_system}}}", "values": values}


def _expected(alert: str, case: Case, *, fires: bool) -> dict[str, Any]:
    rule = ALERTS[alert]
    labels = {"system": alert, **dict(case.labels), **rule["labels"]}
    told = [{"exp_labels": labels, "exp_annotations": rule["annotations"]}]
    return {"eval_time": f"{case.at}m", "alertname": alert, "exp_alerts": told if fires else []}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_is_wrong_what_to_do_and_who_does_it(alert: str) -> None:
    rule = ALERTS[alert]
    says = rule["annotations"]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert says["owner"] in {"serving", "model", "data"}
    assert says["summary"].endswith(".")
    assert says["action"].endswith(".")
    assert says["runbook"] == f"docs/runbook.md#{alert.lower()}"
    assert re.fullmatch(r"([A-Z][a-z]+|XGBoost)+", alert)


def test_the_runbook_has_a_row_for_each_alert() -> None:
    assert [row.alert for row in runbook_rows()] == list(ALERTS)


def test_no_pair_of_windows_asks_for_what_cannot_be() -> None:
    """A budget of 5 % cannot burn 20 times as fast as planned: all answers would be bad, and more."""
    for objective in OBJECTIVES:
        if objective.budget.replace(".", "").isdigit():
            assert all(burn.factor * float(objective.budget) <= 0.5 for burn in objective.burns), objective.name


def test_few_answers_tell_nobody(tmp_path: Path) -> None:
    """Of two requests in an hour one fails: half of the answers are bad, and nobody is woken."""
    series = {
        'flywheel_requests_total{route="feed",status="200"}': "0x30 1x30",
        'flywheel_requests_total{route="feed",status="500"}': "0x40 1x20",
    }
    tried(tmp_path, {"RequestsFailFast": Case({}, series, 60)}, fires=False)
