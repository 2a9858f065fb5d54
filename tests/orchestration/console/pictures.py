"""The pictures of the console in docs/pictures, taken of a home that `flywheel demo` made.

python -m tests.orchestration.console.pictures HOME

The home gets a release on trial, and figures of its experiment that are made up; all else is the home's own.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from math import sin
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xgboost as xgb
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from infra.machine_decisions import MachineDecision, note
from infra.manifest import read_manifest, write_manifest
from infra.redis_server import running as redis_running
from infra.release_format import read_golden_rows, write_golden_rows
from infra.settings import Settings
from orchestration import client
from orchestration.client import ask
from orchestration.console import console_app
from orchestration.console.described import some_people
from orchestration.runs import last_day
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from serving.access import bearer
from serving.launch import serving
from tests.conftest import free_port
from tests.orchestration.console import browser
from tests.orchestration.console.stand import running
from tests.waiting import until
from training.registry import LoggedRun
from training.registry.tracking import experiment_id, mlflow_client

ROOT = Path(__file__).parents[3]
PICTURES = ROOT / "docs" / "pictures"
WIDE, NARROW = 1280, 390
ASKED = 240


def main(home: Path) -> None:
    """Take them."""
    os.environ.pop("FLYWHEEL_PSEUDONYMS", None)  # tests name persons; a home of the demo has pseudonyms
    settings = Settings(home=home, service_port=free_port(), console_port=free_port())
    last = last_day(Installation(HOME_FEED, settings))
    moment = Installation(HOME_FEED, settings).as_of(last) + timedelta(hours=9)
    settings = settings.model_copy(update={"replay_from": moment})
    at = Installation(HOME_FEED, settings)
    with ExitStack() as stack:
        stack.enter_context(redis_running(settings.redis_url, home / "redis"))
        on_trial(at)
        stack.enter_context(serving(settings))
        people = some_people(at, at.system.page.release.user_view, 40)
        for i in range(ASKED):
            ask(settings, at.system, people[i % len(people)], 10, preview=i % 3 == 0)
        stack.enter_context(running(console_app([at]), settings, settings.console_port))
        driver = stack.enter_context(browser.chromium(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        taken(driver, f"http://127.0.0.1:{settings.console_port}", settings, seen_most_of(at, people))


def seen_most_of(at: Installation, people: list[str]) -> str:
    """The person whose page comes from the most sources, once the service answers by both releases."""
    user = at.system.page.service.names.user

    def page(person: str, variant: str) -> dict[str, Any]:
        asked = {user: person, "limit": 12, "explain": True, "preview": True, "variant": variant}
        return client.post(at.settings, "operate", "/v1/feed", asked)

    until(lambda: page(people[0], "challenger")["variant"] == "challenger", lambda: page(people[0], "challenger"))
    return max(people, key=lambda person: len({item["source"] for item in page(person, "champion")["items"]}))


def on_trial(at: Installation) -> None:
    """A release at its first canary, what led there, and what monitoring says of it."""
    registry, part, now = at.registry, at.settings.part, at.now()
    if registry.trial() is None:
        version = fewer_trees(at)
        registry.enter(version, "dagster", "trained on the drifted days", now - timedelta(hours=41))
        began = now - timedelta(hours=40)
        registry.advance("trial_sensor", "shadow: ranks agree, no errors", began, "tau 0.94 over 12,400 requests")
    version = registry.standing().trial.version  # type: ignore[union-attr]
    shadow = {"requests": 12_400, "rank agreement": 0.94, "score shift": -0.012, "changed pages": 0.31, "errors": 0}
    if not (part / "machine_decisions.jsonl").exists():
        drift = "drift of user_click_rate_1d in 2 of the 3 newest windows: confirmed"
        shadowed = "in the shadow its ranks agree and nothing failed: the first canary answers 5 % of the askers"
        drilled = "rolled back and forward again; the service followed both times"
        for hours, did, says, release, evidence in (
            (49, "retrain", drift, None, {"psi": 0.41, "limit": 0.2, "windows": 2}),
            (41, "enter", "every gate passed: a new release begins in the shadow", version, {"gates": 13}),
            (40, "advance", shadowed, version, shadow),
            (16, "drill", drilled, registry.live(), {"back_s": 1.4, "forward_s": 1.3}),
        ):
            note(part, MachineDecision(now - timedelta(hours=hours), did, says, release, evidence))  # type: ignore[arg-type]
    reports = at.settings.reports
    reports.mkdir(parents=True, exist_ok=True)
    (reports / "trial.json").write_text(json.dumps(experiment(now, version), indent=1))
    if not (reports / "watch.json").exists():
        features = read_manifest(registry.folder(registry.live() or "")).features
        (reports / "watch.json").write_text(json.dumps(seen_that_day(now, features), indent=1))


def seen_that_day(now: datetime, features: Sequence[str]) -> dict[str, Any]:
    """A day as monitoring reports it, made up: one feature arrives null in one region."""
    names = ("feature", "slice", "psi", "limit", "null_before", "null_now", "moved")
    rows: list[tuple[Any, ...]] = [
        (name, "all", 0.004 + 0.07 * (hash_of % 97 / 97) ** 3, 0.2, 0.0, 0.0, False)
        for name, hash_of in ((name, sum(map(ord, name)) * 31) for name in features) if name != "same_language"
    ]  # fmt: skip
    rows += [
        ("same_language", "all", 0.34, 0.2, 0.012, 0.131, True),
        ("same_language", "region=islands", 2.41, 0.2, 0.011, 0.982, True),
    ]
    day = f"{now - timedelta(days=1):%Y-%m-%d}"
    alarm = {
        "alarm": "nulls", "says": "same_language is null in 98 % of the rows of region=islands; 1 % before",
        "owner": "serving", "runbook": "`flywheel diagnose --day DAY` names feature and slice", "since": day,
    }  # fmt: skip
    business = (("long_views", 5.38, 5.31, 5.02, 5.66), ("diversity", 0.713, 0.709, 0.68, 0.74))
    return {
        "at": now.isoformat(), "day": day, "release": "1", "model_age_days": 2.4, "alarms": [alarm],
        "drift": [dict(zip(names, row, strict=True)) for row in rows],
        "merit": [
            {"day": day, "release": "1", "slice": "all", "merit": 0.611, "promised": 0.616, "finding": "as promised"}
        ],
        "business": [
            {"measure": name, "day": day, "value": value, "usual": usual, "low": low, "high": high}
            for name, value, usual, low, high in business
        ],
        "freshness": {
            "impressions": {"rows": 17_158, "newest": now.isoformat(), "usual_rows": 17_093},
            "engagements": {"rows": 16_743, "newest": now.isoformat(), "usual_rows": 17_464},
        },
    }  # fmt: skip


def fewer_trees(at: Installation) -> str:
    """One more release: the live one with a third of its trees, so that its pages are others."""
    registry = at.registry
    live = registry.live()
    assert live is not None, "the home has a live release"
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / "draft"
        shutil.copytree(registry.folder(live), draft)
        before = read_manifest(draft)
        forest = xgb.Booster(model_file=str(draft / "model.ubj"))
        forest = forest[: max(1, forest.num_boosted_rounds() // 3)]
        forest.save_model(draft / "model.ubj")
        inputs, _ = read_golden_rows(draft)
        write_golden_rows(draft, inputs, forest.inplace_predict(inputs, missing=np.nan))
        facts = {name: getattr(before, name) for name in before.__struct_fields__ if name not in {"files", "sizes"}}
        after = write_manifest(draft, **facts)
        run = mlflow_client(at.settings).create_run(experiment_id(at.settings, at.system.name)).info.run_id
        verdict = msgspec.structs.replace(registry.verdict(live), subject=after.digest)
        version = registry.register(draft, LoggedRun(run, {}, registry.promised(live), draft), verdict)
    registry.deployed(version, True, "a built service took it", at.now() - timedelta(hours=42))
    return version


def experiment(now: datetime, version: str) -> dict[str, Any]:
    """An experiment after forty hours, made up: the goal's interval narrows, every guardrail holds."""
    looks = []
    for hour in range(1, 41):
        wide, value = 0.055 / hour**0.55, 0.0065 + 0.011 * sin(hour / 3.1) / hour**0.8
        at = (now - timedelta(hours=40 - hour)).isoformat()
        looks.append({"at": at, "share": 5, "value": value, "low": value - wide, "high": value + wide, "does": "hold"})
    names = ("measure", "slice", "part", "trial", "control", "value", "low", "high", "at_most", "relative", "state")
    rows = (
        ("long views per impression", "", "", 0.4124, 0.4061, 0.0063, -0.0009, 0.0135, None, False, "not broken"),
        ("hides", "", "", 0.0101, 0.0103, -0.019, -0.21, 0.17, 0.25, True, "not broken"),
        ("answers of lower rungs", "", "", 0.0052, 0.0049, 0.0003, -0.004, 0.005, 0.01, False, "not broken"),
        ("latency, p95 in ms", "", "", 15.2, 14.9, 0.02, -0.06, 0.1, 0.2, True, "not broken"),
        ("clicks", "region", "coast", 0.0912, 0.0898, 0.016, -0.1, 0.13, 0.15, True, "not broken"),
        ("clicks", "region", "islands", None, None, None, None, None, 0.15, True, "too little"),
    )
    findings = [dict(zip(names, row, strict=True)) for row in rows]
    reason = "the goal's interval still holds no difference: 5 % stay on it until 2,000 askers of it were seen"
    return {
        "at": now.isoformat(), "release": version, "does": "hold", "reason": reason, "askers": [1_412, 26_804],
        "sample_ratio": 0.42, "goal": findings[0], "findings": findings[1:], "looks": looks,
    }  # fmt: skip


def taken(driver: webdriver.Chrome, address: str, settings: Settings, person: str) -> None:
    """Sign in, look, and take the pictures."""
    browser.sized(driver, WIDE)
    browser.coloured(driver, "light")
    driver.get(f"{address}/console/sign-in")
    token = bearer(settings, "operate")["authorization"].removeprefix("Bearer ")
    driver.find_element(By.NAME, "token").send_keys(token + Keys.ENTER)
    for name, page, width, scheme, height in (
        ("overview", "", WIDE, "light", 1_500),
        ("feed", f"feed?user={person}&limit=12", WIDE, "light", 1_350),
        ("phone", "", NARROW, "dark", 1_500),
        ("releases", "releases", WIDE, "dark", 1_200),
        ("drift", "drift", WIDE, "light", 1_200),
    ):
        browser.coloured(driver, scheme)
        for _ in range(3):  # what takes long to load at first is there then
            driver.get(f"{address}/console/home_feed/{page}")
        browser.picture(driver, PICTURES / f"console-{name}.png", width, height)
        print(PICTURES / f"console-{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
