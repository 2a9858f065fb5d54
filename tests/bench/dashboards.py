"""The dashboards against real figures: a home's service under load, read by a real Prometheus, every panel drawn.

python -m tests.bench.dashboards HOME FOLDER [SECONDS]     HOME as `flywheel demo` leaves it; it is changed: use a copy

Grafana is in no package of Debian, so the panels are drawn by matplotlib, from the same expressions. An expression that
gives nothing is said, and so is every alert that fires.
"""

import http.client
import itertools
import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from infra import processes, redis_server
from infra.alert_rules.runbook import FILES, INFRA
from infra.dashboards import DASHBOARDS, Dashboard, Panel
from infra.settings import Settings
from orchestration.commands.console import open_installation
from orchestration.replay import replaying
from orchestration.up import of_system
from serving import launch
from serving.access.keyring import bearer
from tests.bench.stand import free_port
from tests.infra.alert_rules.promtool import tool
from tests.infra.promql import OF_GRAFANA

A_SECOND = 20.0  # requests
STEP_S = 2
USERS = 5000  # of the simulator's ids
Series = tuple[str, list[float], list[float]]


def main() -> None:
    """Run everything for a while, then draw every dashboard into a folder."""
    home, folder = Path(sys.argv[1]), Path(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 90.0
    at = replaying(open_installation(Settings(home=home, service_port=free_port(), metrics_port=free_port())), print)
    settings = at.settings
    with (
        redis_server.running(settings.redis_url, settings.home / "redis"),
        launch.serving(settings),
        processes.running(_metrics(settings)),
        _prometheus(settings, home) as address,
    ):
        _ask(settings, seconds)
        for dashboard in DASHBOARDS:
            _draw(dashboard, address, seconds, folder / f"dashboard-{dashboard.name}.png")
        alerts = _read(address, "alerts", {})["alerts"]
        print("alerts:", sorted({alert["labels"]["alertname"] for alert in alerts}) or "none")


def _metrics(settings: Settings) -> processes.Program:
    page = f"http://127.0.0.1:{settings.metrics_port}/metrics"
    command = [sys.executable, "-m", "orchestration", "metrics"]
    return processes.Program("metrics", command, settings.home / "logs" / "metrics.log", page, of_system(settings))


@contextmanager
def _prometheus(settings: Settings, home: Path) -> Iterator[str]:
    """A Prometheus with our own configuration, but for its targets, its pace and its rules' folder."""
    config = yaml.safe_load((INFRA / "prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": f"{STEP_S}s", "scrape_timeout": f"{STEP_S}s", "evaluation_interval": "5s"}
    config["rule_files"] = [str(INFRA / name) for name in FILES]
    (service, jobs), port = config["scrape_configs"], free_port()
    service.pop("authorization")  # on loopback whoever observes needs no token
    service["static_configs"][0]["targets"] = [f"127.0.0.1:{settings.service_port}"]
    jobs["static_configs"][0]["targets"] = [f"127.0.0.1:{settings.metrics_port}"]
    written = home / "prometheus.yaml"
    written.write_text(yaml.safe_dump(config))
    address = f"http://127.0.0.1:{port}"
    command = [
        tool("prometheus"), f"--config.file={written}", f"--storage.tsdb.path={home / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    program = processes.Program("Prometheus", command, home / "logs" / "prometheus.log", f"{address}/-/ready")
    with processes.running(program):
        yield address


def _ask(settings: Settings, seconds: float) -> None:
    """Ask for feeds of simulated users, and send a click on the first item of every third."""
    line = http.client.HTTPConnection(settings.service_host, settings.service_port, timeout=30)
    head = {"content-type": "application/json"}
    began, statuses = time.monotonic(), dict[int, int]()
    for turn in itertools.count():
        spent = time.monotonic() - began
        if spent > seconds:
            break
        user = f"u{turn * 7 % USERS:06d}"
        line.request("POST", "/v1/feed", json.dumps({"user_id": user}), head | bearer(settings, "rank"))
        answer = line.getresponse()
        page = json.loads(answer.read())
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        if turn % 3 == 0 and page.get("items"):
            event = {"token": page["token"], "video_id": page["items"][0]["video_id"], "action": "click"}
            at = {"event_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", _moment(settings, spent))}
            line.request("POST", "/v1/events", json.dumps({"events": [event | at]}), head | bearer(settings, "events"))
            answer = line.getresponse()
            answer.read()
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
        time.sleep(1 / A_SECOND)
    print("answers by status:", statuses)


def _moment(settings: Settings, spent: float) -> time.struct_time:
    """The moment of an event, by the service's clock: in a replay that began with its process."""
    return time.gmtime(settings.replay_from.timestamp() + spent if settings.replay_from else time.time())


def _draw(dashboard: Dashboard, address: str, seconds: float, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    lines = _lines(dashboard)
    figure = plt.figure(figsize=(15, 0.6 + 2.9 * len(lines)), layout="constrained")
    grid = figure.add_gridspec(len(lines), 24)
    for place, panels in enumerate(lines):
        column = 0
        for panel in panels:
            _panel(figure.add_subplot(grid[place, column : column + panel.wide]), panel, address, seconds)
            column += panel.wide
    figure.suptitle(f"{dashboard.title}\n{dashboard.description}", fontsize=13)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=65)
    plt.close(figure)


def _lines(dashboard: Dashboard) -> list[list[Panel]]:
    """The panels as Grafana lays them: side by side while there is room, each row from a new line."""
    lines: list[list[Panel]] = []
    for row in dashboard.rows:
        lines.append([])
        for panel in row.panels:
            if sum(each.wide for each in lines[-1]) + panel.wide > 24:
                lines.append([])
            lines[-1].append(panel)
    return lines


def _panel(axes: Any, panel: Panel, address: str, seconds: float) -> None:
    series = [each for query in panel.queries for each in _series(address, query.expr, query.legend, seconds)]
    if panel.kind == "areas" and series:
        moments = sorted({moment for _, at, _ in series for moment in at})
        heights = [[dict(zip(at, values, strict=True)).get(m, 0.0) for m in moments] for _, at, values in series]
        axes.stackplot([m - moments[-1] for m in moments], heights, labels=[name for name, *_ in series], alpha=0.7)
    else:
        for name, at, values in series:
            axes.plot([moment - at[-1] for moment in at], values, label=name, linewidth=1.3)
    if panel.limit is not None and series:
        axes.axhline(panel.limit, color="crimson", linewidth=0.8, linestyle="--")
    if series:
        axes.legend(fontsize=6, loc="upper left", ncols=2)
        axes.set_ylim(bottom=0)
    else:
        print(f"nothing yet: {panel.title}")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, ha="center", color="grey")
    axes.set_title(panel.title, fontsize=9, loc="left")
    axes.set_ylabel(panel.unit, fontsize=7)
    axes.tick_params(labelsize=6)
    if panel.unit == "seconds":
        axes.yaxis.set_major_formatter(lambda value, _: _lasting(value))


def _lasting(seconds: float) -> str:
    """A time in the unit that suits it."""
    for name, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{1000 * seconds:.3g} ms"


def _series(address: str, expression: str, legend: str, seconds: float) -> list[Series]:
    """What an expression gave over the time that was watched."""
    for variable, value in {**OF_GRAFANA, "$__rate_interval": "20s"}.items():
        expression = expression.replace(variable, value)
    now = time.time()
    asked = {"query": expression, "start": now - seconds, "end": now, "step": STEP_S}
    return [
        (
            _named(legend, each["metric"]),
            *zip(*((float(at), float(value)) for at, value in each["values"]), strict=True),
        )
        for each in _read(address, "query_range", asked)["result"]
    ]


def _named(legend: str, labels: dict[str, str]) -> str:
    for label, value in labels.items():
        legend = legend.replace(f"{{{{{label}}}}}", value)
    return legend


def _read(address: str, what: str, asked: dict[str, Any]) -> Any:
    with urllib.request.urlopen(f"{address}/api/v1/{what}?{urllib.parse.urlencode(asked)}", timeout=30) as answer:
        return json.load(answer)["data"]


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as failed:
        sys.exit(str(failed))
