"""A small home to look at: releases in real MLflow, the feed's service, words that other people wrote."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from infra import alerts
from infra.machine_decisions import MachineDecision, note
from infra.manifest import verify
from infra.settings import Settings
from orchestration.console import console_app, server
from orchestration.console.headers import Asgi
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from serving.access import bearer
from serving.api.app import App
from serving.launch import PORT
from serving.online import online
from tests.serving.conftest import NOW, PATIENT, World
from training.registry import LoggedRun
from training.registry.tracking import experiment_id, mlflow_client
from validation.verdict import GATES, GateFinding, Verdict

BAD = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
ATTRIBUTE = '" autofocus onfocus="document.title=\'owned\'" x="'


@dataclass(frozen=True)
class Stand:
    """An installation with a console in front of it."""

    installation: Installation
    address: str
    world: World

    @property
    def settings(self) -> Settings:
        """Of its home."""
        return self.installation.settings

    def token(self, role: Any = "operate") -> str:
        """A token of the keyring."""
        return bearer(self.settings, role)["authorization"].removeprefix("Bearer ")


@contextmanager
def running(app: "Asgi | Any", settings: Settings, port: int) -> Iterator[uvicorn.Server]:
    """An app served by a thread, with the console's own limits on connections."""
    served = server(settings.model_copy(update={"console_port": port}), app)
    thread = threading.Thread(target=served.run, daemon=True)
    thread.start()
    try:
        while not served.started and thread.is_alive():
            thread.join(0.01)
        yield served
    finally:
        served.should_exit = True
        thread.join()


@contextmanager
def stand(world: World, port: int, *, service: bool = True) -> Iterator[Stand]:
    """The home of a world with four releases: 1 retired, 2 live, 3 on trial at 5 %, 4 refused, 5 gated."""
    installation = Installation(HOME_FEED, world.settings)
    fill(installation, world)
    with ExitStack() as servers:
        if service:
            app = App(PATIENT, lambda: online(PATIENT, world.settings, "home_feed"))
            hot = app.with_hot_routes(app.starlette())
            servers.enter_context(running(hot, world.settings, world.settings.service_port))
            (world.settings.serving / PORT).write_text(str(world.settings.service_port))
        servers.enter_context(running(console_app([installation]), world.settings, port))
        yield Stand(installation, f"http://127.0.0.1:{port}", world)


def fill(installation: Installation, world: World) -> None:
    """Releases, decisions, alerts and reports; some of their words are an attack."""
    registry, settings = installation.registry, installation.settings
    client = mlflow_client(settings)
    run = client.create_run(experiment_id(settings, "home_feed")).info.run_id
    for version in "12345":
        registered(installation, world, run, refused=version == "4")
    who, at = "ada", NOW - timedelta(days=3)
    registry.promote("1", who=who, why="the first", at=at)
    registry.promote("2", who=who, why=f"more days {BAD}", at=at + timedelta(days=1))
    registry.enter("3", "sensor", "trained on schedule", at + timedelta(days=2))
    registry.advance("sensor", "shadow agrees", at + timedelta(days=2, hours=6), "tau 0.94")
    evidence = {"requests": 12_400, "rank_agreement": 0.94, "errors": 0, BAD: ATTRIBUTE}
    note(
        settings.part,
        MachineDecision(at + timedelta(days=2, hours=6), "advance", f"shadow agrees {BAD}", "3", evidence),
    )
    alerts.write(settings.home, NOW, system="home_feed", drift=f"user_click_rate_1d moved {BAD}", owner=ATTRIBUTE)
    settings.reports.mkdir(parents=True, exist_ok=True)
    (settings.reports / "watch.json").write_text(json.dumps(watch_report()))
    (settings.reports / "trial.json").write_text(json.dumps(trial_report()))


def registered(installation: Installation, world: World, run: str, *, refused: bool) -> str:
    """One more release of a tiny model, judged by every gate, and proven by a deployment."""
    registry = installation.registry
    version = registry.next_version()
    folder = world.release(version, kind="column")
    draft = Path(shutil.move(folder, world.settings.home / f"draft-{version}"))
    findings = [
        GateFinding(gate, not (refused and gate == "champion"), 0.71, 0.7, f"as it should be {BAD}") for gate in GATES
    ]
    report = LoggedRun(run, {}, {"ndcg_at_10": 0.7 + int(version) / 100, "auc": 0.75}, draft.parent)
    registry.register(draft, report, Verdict(tuple(findings), verify(draft).digest))
    if not refused:
        registry.deployed(version, True, "answered with it", NOW - timedelta(days=4))
    return version


def watch_report(now: datetime = NOW) -> dict[str, Any]:
    """What monitoring writes on a day on which one feature is null in one region."""
    steady = [
        {
            "feature": f"feature_{i:02d}_rate_30d",
            "slice": "all",
            "psi": 0.01 + i / 300,
            "limit": 0.2,
            "null_before": 0.02,
            "null_now": 0.021,
            "moved": False,
        }
        for i in range(12)
    ]
    moved = [
        {
            "feature": "same_language",
            "slice": "all",
            "psi": 0.31,
            "limit": 0.2,
            "null_before": 0.01,
            "null_now": 0.13,
            "moved": True,
        },
        {
            "feature": "same_language",
            "slice": f"region={BAD}",
            "psi": 2.4,
            "limit": 0.2,
            "null_before": 0.01,
            "null_now": 0.98,
            "moved": True,
        },
    ]
    return {
        "at": now.isoformat(),
        "day": f"{now - timedelta(days=1):%Y-%m-%d}",
        "release": "2",
        "model_age_days": 1.5,
        "drift": [*steady, *moved],
        "alarms": [
            {
                "alarm": "null share",
                "says": f"same_language is null {BAD}",
                "owner": "data",
                "runbook": "docs/monitoring.md",
                "since": "2026-05-02",
            }
        ],
        "merit": [
            {
                "day": "2026-05-01",
                "release": "2",
                "slice": "all",
                "merit": 0.704,
                "promised": 0.72,
                "finding": "as promised",
            }
        ],
        "business": [
            {
                "measure": "long views per session",
                "day": "2026-05-02",
                "value": 3.1,
                "usual": 3.2,
                "low": 2.9,
                "high": 3.5,
            }
        ],
        "frozen": "",
    }


def trial_report(now: datetime = NOW) -> dict[str, Any]:
    """What the experiment says after some looks."""
    looks = [
        {
            "at": (now - timedelta(hours=40 - i)).isoformat(),
            "share": 5,
            "value": 0.006 - 0.004 / (i + 1),
            "low": 0.006 - 0.05 / (i + 1) ** 0.6,
            "high": 0.006 + 0.05 / (i + 1) ** 0.6,
            "does": "hold",
        }
        for i in range(40)
    ]
    goal = {
        "measure": "long views per impression",
        "trial": 0.412,
        "control": 0.406,
        "value": 0.006,
        "low": 0.0005,
        "high": 0.0115,
        "state": "not broken",
    }
    hides = {
        "measure": "hides",
        "trial": 0.011,
        "control": 0.01,
        "value": 0.1,
        "low": -0.12,
        "high": 0.33,
        "at_most": 0.2,
        "relative": True,
        "state": "not broken",
    }
    region = {
        "measure": "clicks",
        "slice": "region",
        "part": f"FR {BAD}",
        "trial": 0.05,
        "control": 0.09,
        "value": -0.44,
        "low": -0.6,
        "high": -0.3,
        "at_most": 0.05,
        "relative": True,
        "state": "broken",
    }
    return {
        "at": now.isoformat(),
        "release": "3",
        "does": "hold",
        "reason": f"not enough pages yet {BAD}",
        "askers": [412, 7_804],
        "sample_ratio": 0.42,
        "goal": goal,
        "findings": [goal, hides, region],
        "looks": looks,
        "shadow": {"requests": 12_400},
    }
