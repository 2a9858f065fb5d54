"""Dashboards ask for what is there, in Prometheus' own language, and say what each picture is good for."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.alert_rules import rules
from infra.dashboards import DASHBOARDS, UNITS, Dashboard, Panel
from infra.dashboards.grafana import as_json
from tests.infra.alert_rules.promtool import run
from tests.infra.promql import OF_GRAFANA, faults, known

FOLDER = Path(__file__).parents[3] / "infra" / "dashboards" / "grafana"
PANELS = [pytest.param(panel, id=f"{d.name}: {panel.title}") for d in DASHBOARDS for panel in d.panels]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda d: d.name)
def test_the_file_is_what_the_definition_says(dashboard: Dashboard) -> None:
    written = (FOLDER / f"{dashboard.name}.json").read_text()
    assert written == as_json(dashboard), "python -m infra.dashboards infra/dashboards/grafana"


def lint(panel: Panel) -> list[str]:
    """What is wrong with a panel."""
    wrong = [fault for query in panel.queries for fault in faults(query.expr)]
    wrong += ["no query"] * (not panel.queries)
    wrong += [f"`{query.expr}` names no series" for query in panel.queries if not query.legend]
    wrong += ["no title"] * (not panel.title)
    wrong += ["its description is no sentence"] * (not re.fullmatch(r"[\S ]{15,}[.]", panel.description))
    return wrong + [f"no unit {panel.unit}"] * (panel.unit not in UNITS)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_asks_for_what_is_there_and_says_what_it_is_good_for(panel: Panel) -> None:
    assert lint(panel) == []


def test_the_linter_refuses() -> None:
    panel = DASHBOARDS[0].panels[0]
    query = panel.queries[0]
    assert lint(replace(panel, title="")) == ["no title"]
    assert lint(replace(panel, description="")) == ["its description is no sentence"]
    assert lint(replace(panel, unit="parsecs")) == ["no unit parsecs"]
    assert lint(replace(panel, queries=())) == ["no query"]
    gone = replace(panel, queries=(replace(query, expr="rate(flywheel_gone_total[5m])"),))
    assert lint(gone) == ["nobody has the metric flywheel_gone_total"]
    label = replace(panel, queries=(replace(query, expr='sum by (colour) (up{shape="round"})'),))
    assert lint(label) == ["nothing here has the label colour", "up has no label shape"]
    with pytest.raises(ValueError, match="parenthesis"):
        lint(replace(panel, queries=(replace(query, expr="sum by (("),)))


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda d: d.name)
def test_a_dashboard_is_whole(dashboard: Dashboard) -> None:
    page: dict[str, Any] = json.loads((FOLDER / f"{dashboard.name}.json").read_text())
    assert page["uid"] == f"flywheel-{dashboard.name}"
    assert len({panel.title for panel in dashboard.panels}) == len(dashboard.panels)
    drawn = [panel for panel in page["panels"] if panel["type"] != "row"]
    assert [panel["title"] for panel in drawn] == [panel.title for panel in dashboard.panels]
    ids = [panel.get("id") for panel in page["panels"]]
    assert all(panel["targets"] for panel in drawn)
    assert ids == list(dict.fromkeys(ids)) or set(ids) <= {None, 0}


def test_prometheus_parses_every_expression(tmp_path: Path) -> None:
    """Promtool checks rules only, so each expression is written as one."""
    expressions = [query.expr for d in DASHBOARDS for panel in d.panels for query in panel.queries]
    for variable, value in OF_GRAFANA.items():
        expressions = [expression.replace(variable, value) for expression in expressions]
    written = [{"record": f"panel:{place}", "expr": expr} for place, expr in enumerate(expressions)]
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": written}]}))
    assert f"{len(expressions)} rules found" in run("check", "rules", tmp_path / "panels.yaml")


@pytest.mark.parametrize("rule", [pytest.param(r, id=r.get("alert") or r["record"]) for r in rules()])
def test_a_rule_asks_for_what_is_there(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"]) == []


def test_every_metric_is_on_a_dashboard_or_in_an_alert() -> None:
    shown = "\n".join(query.expr for d in DASHBOARDS for panel in d.panels for query in panel.queries)
    told = "\n".join(rule["expr"] for rule in rules())
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in known() if ":" not in name}
    assert sorted(name for name in names if name not in shown + told) == []
