"""A release on trial is looked at: facts from the tables, the move, the report, and a line about each decision."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from infra.errors import DefinitionError, Overtaken
from infra.machine_decisions import noted
from infra.settings import Settings
from monitoring.trial import Holds, ShadowRules, Tally, TrialRules
from orchestration import trials
from orchestration.pipeline import pipeline
from orchestration.system import Installation
from orchestration.systems.fraud import FRAUD
from orchestration.systems.home_feed import HOME_FEED
from serving.deciding import Review, ReviewQueue
from training.registry.history import History
from training.registry.moves import Move
from validation.contract import Table

NOW = datetime(2026, 5, 12, 12, tzinfo=UTC)
ENTERED, SINCE = NOW - timedelta(days=3), NOW - timedelta(days=2)
SMALL = ShadowRules(requests=20)
FEED = replace(HOME_FEED, trial=replace(HOME_FEED.trial, shadow=SMALL))  # type: ignore[type-var]
At = Callable[[int], Installation]


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> At:
    """A home whose release 8 is on trial at a share; moves are written down in its `moved`, not made."""

    def of(share: int, system: Any = FEED) -> Installation:
        installation = Installation(system, Settings(home=tmp_path / "home", replay_from=NOW))
        installation.settings.releases.mkdir(parents=True)
        history = History(installation.settings.releases / "history.jsonl")
        history.append(Move(ENTERED, "promote", None, "7", "d", "ada", "first", epoch=1))
        history.append(Move(ENTERED, "enter", "7", "8", "e", "ada", "more days", stage="shadow", epoch=2, salt="s"))
        for epoch, step in enumerate((5, 25, 50), 3):
            if step <= share:
                stage = f"canary {step}"
                history.append(Move(SINCE, "advance", "7", "8", "e", "ada", "calm", stage=stage, epoch=epoch))
        return installation

    moved: list[tuple[str, Any, int | None]] = []

    def moves(name: str) -> Callable[..., None]:
        return lambda self, who, why, at, evidence="", epoch=None: moved.append((name, json.loads(evidence), epoch))

    for name in ("advance", "abort"):
        monkeypatch.setattr(f"training.registry.registry.Registry.{name}", moves(name))
    of.moved = moved  # type: ignore[attr-defined]
    return of


def put(installation: Installation, table: Table, frame: pd.DataFrame) -> None:
    """Rows of a table, each on the day of its receipt, with whatever columns are not given null."""
    for day, rows in frame.groupby(frame[table.received_time].dt.date):
        columns = {
            field.name: pa.array(rows[field.name].tolist(), field.type)
            if field.name in rows
            else pa.nulls(len(rows), field.type)
            for field in table.schema
        }
        assert isinstance(day, date)
        installation.lake.append(f"tables/{table.name}", day, pa.table(columns))


def feed(installation: Installation, share: float, clicked: dict[str, float], users: int = 1_500) -> None:
    """Two pages of five videos for each user since the step began, and one page before; who clicks, and how often."""
    rng = np.random.default_rng(4)
    variant = np.where(rng.random(users) < share, "challenger", "champion")
    tables, parts = installation.tables, []
    for begin, end, pages in ((ENTERED - timedelta(days=5), ENTERED, 1), (SINCE + timedelta(hours=1), NOW, 2)):
        who = np.repeat(np.arange(users), pages * 5)
        page = np.repeat(np.arange(users * pages), 5)
        when = begin + (end - begin) * rng.random(users * pages) * 0.95
        own = variant[who] if pages == 2 else np.full(len(who), "champion")
        parts.append(
            pd.DataFrame({
                "request_id": [f"p{pages}-{n}" for n in page], "video_id": [f"v{n % 50}" for n in range(len(who))],
                "user_id": [f"u{n}" for n in who], "event_time": pd.to_datetime(when[page], utc=True),
                "received_at": pd.to_datetime(when[page], utc=True), "device": "phone", "variant": own,
                "release": np.where(own == "challenger", "8", "7"), "served_by": "full",
                "clicked": rng.random(len(who)) < pd.Series(own).map(clicked).to_numpy(),
            })
        )  # fmt: skip
    log = pd.concat(parts, ignore_index=True)
    put(installation, tables["impressions"], log)
    acts = log[log["clicked"]][["request_id", "video_id", "user_id", "event_time", "received_at"]]
    acts = pd.concat(
        [
            acts.assign(action=action, watch_seconds=seconds)
            for action, seconds in (("click", None), ("watch", 60.0), ("hide", None))
        ]
    )
    hidden = (acts["action"] == "hide") & (np.arange(len(acts)) % 10 > 0)
    acts = acts[~hidden].assign(event_id=[f"e{n}" for n in range(int((~hidden).sum()))])
    put(installation, tables["engagements"], acts.astype({"watch_seconds": object}).where(acts.notna(), None))
    described = {"event_time": ENTERED - timedelta(days=9), "received_at": ENTERED - timedelta(days=9)}
    videos = pd.DataFrame(
        {
            "video_id": [f"v{n}" for n in range(50)],
            "creator_id": [f"c{n % 9}" for n in range(50)],
            "duration_s": 90.0,
            **described,
        }
    )
    people = pd.DataFrame(
        {"user_id": [f"u{n}" for n in range(users)], "region": [("eu", "us")[n % 2] for n in range(users)], **described}
    )
    for name, frame in (("videos", videos), ("users", people)):
        put(installation, tables[name], frame.assign(**{c: pd.to_datetime(frame[c], utc=True) for c in described}))


def shadow(installation: Installation, rows: int, error: str | None = None) -> None:
    """Requests that were scored by both releases."""
    folder = installation.settings.serving / "shadow"
    folder.mkdir(parents=True)
    row = {
        "at": (NOW - timedelta(hours=1)).isoformat(), "asker": "u", "champion": "7", "challenger": "8", "count": 300,
        "rank_agreement": 0.7, "score_shift": 0.0, "changed": True, "champion_ms": 2.0, "challenger_ms": 2.5,
        "error": error,
    }  # fmt: skip
    lines = [json.dumps({"request_id": f"r{n}", **row}) for n in range(rows)]
    (folder / "shadow-20260512T110000-1-1.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "shadow-20260512T120000-1-2.jsonl.open").write_text(lines[0] + '\n{"request_id": "cut sho')


def report(installation: Installation) -> dict[str, Any]:
    return json.loads((installation.settings.reports / "trial.json").read_text())  # type: ignore[no-any-return]


def test_a_release_without_harm_moves_on_and_all_is_written_down(at: At) -> None:
    installation = at(25)
    feed(installation, 0.25, {"champion": 0.3, "challenger": 0.3})
    seen = trials.look(installation)
    assert seen is not None
    assert (seen.did, seen.trial.share) == ("advance", 25)
    [(name, evidence, epoch)] = at.moved  # type: ignore[attr-defined]
    assert (name, epoch) == ("advance", 4)
    assert evidence["askers"] + evidence["champion's askers"] == 1_500
    [decision] = noted(installation.settings.part)
    assert (decision.did, decision.release) == ("advance", "8")
    written = report(installation)
    assert (written["release"], written["champion"], written["stage"], written["does"]) == (
        "8",
        "7",
        "canary 25",
        "advance",
    )
    assert {f["part"] for f in written["findings"] if f["slice"] == "region"} == {"eu", "us"}
    assert written["goal"]["low"] < written["goal"]["value"] < written["goal"]["high"]
    assert written["looks"][-1]["value"] == written["goal"]["value"]


def test_one_that_is_clicked_less_is_aborted_with_an_alert(at: At) -> None:
    installation = at(25)
    feed(installation, 0.25, {"champion": 0.3, "challenger": 0.15})
    seen = trials.look(installation)
    assert seen is not None
    assert seen.did == "abort"
    assert "click_rate" in seen.says
    assert [name for name, *_ in at.moved] == ["abort"]  # type: ignore[attr-defined]
    assert "click_rate" in json.loads((installation.settings.home / "alerts.jsonl").read_text())["says"]


def test_looks_are_kept_and_waiting_is_written_down_once(at: At) -> None:
    installation = at(5)
    feed(installation, 0.05, {"champion": 0.3, "challenger": 0.3}, users=300)
    assert [trials.look(installation).did for _ in range(3)] == ["hold"] * 3  # type: ignore[union-attr]
    assert len(report(installation)["looks"]) == 3
    assert [decision.did for decision in noted(installation.settings.part)] == ["hold"]
    assert not at.moved  # type: ignore[attr-defined]


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"at": "noon", "release": "8"}', '{"release": "8", "looks": null}'])
def test_a_broken_report_is_written_anew(at: At, broken: str) -> None:
    installation = at(0)
    installation.settings.reports.mkdir(parents=True)
    (installation.settings.reports / "trial.json").write_text(broken)
    assert trials.read_report(installation) is None
    assert trials.look(installation).did == "hold"  # type: ignore[union-attr]
    assert len(report(installation)["looks"]) == 1


def test_who_moved_a_release_meanwhile_wins_and_the_refusal_is_written_down(
    at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(*_: object) -> None:
        raise Overtaken("release 8 was moved by ada meanwhile")

    installation = at(25)
    monkeypatch.setattr("training.registry.registry.Registry.advance", overtaken)
    feed(installation, 0.25, {"champion": 0.3, "challenger": 0.3})
    seen = trials.look(installation)
    assert seen is not None
    assert (seen.did, "moved by ada" in seen.says) == ("refuse", True)
    assert noted(installation.settings.part)[-1].did == "refuse"


def test_a_paused_trial_is_looked_at_and_not_moved(at: At) -> None:
    installation = at(25)
    history = History(installation.settings.releases / "history.jsonl")
    history.append(Move(NOW, "pause", "7", "8", "e", "ada", "holiday", stage="canary 25", epoch=5))
    feed(installation, 0.25, {"champion": 0.3, "challenger": 0.1})
    seen = trials.look(installation)
    assert seen is not None
    assert (seen.did, seen.decision.does) == ("hold", "abort")
    assert not at.moved  # type: ignore[attr-defined]


def test_shadow_is_read_from_its_log_and_an_empty_home_holds(at: At) -> None:
    installation = at(0)
    assert trials.look(installation).did == "hold"  # type: ignore[union-attr]
    shadow(installation, 40)
    assert trials.look(installation).did == "advance"  # type: ignore[union-attr]
    assert report(installation)["shadow"]["requests"] == 40


def test_a_canary_that_nobody_has_met_holds(at: At) -> None:
    seen = trials.look(at(5))
    assert seen is not None
    assert (seen.did, "nobody was answered" in seen.says) == ("hold", True)


def test_fraud_waits_for_late_labels_and_is_aborted_for_friction_and_an_old_queue(at: At) -> None:
    installation = at(50, FRAUD)
    rng = np.random.default_rng(2)
    variant = np.where(rng.random(4_000) < 0.5, "challenger", "champion")
    when = pd.to_datetime(SINCE + timedelta(hours=1) + timedelta(hours=40) * rng.random(4_000), utc=True)
    asked = rng.random(4_000) < np.where(variant == "challenger", 0.05, 0.04)
    payments = pd.DataFrame({
        "payment_id": [f"p{n}" for n in range(4_000)], "card_id": [f"c{n % 900}" for n in range(4_000)],
        "channel": "online", "event_time": when, "received_at": when, "variant": variant,
        "action": np.where(asked, "step_up", np.where(rng.random(4_000) < 0.02, "review", "allow")),
        "release": np.where(variant == "challenger", "8", "7"), "served_by": "full",
    })  # fmt: skip
    put(installation, installation.tables["payments"], payments)
    queue = ReviewQueue(installation.settings.serving / ReviewQueue.FILE)
    queue.prepare()
    assert trials.look(installation).did == "hold"  # type: ignore[union-attr]
    queue.take(Review("p1", (NOW - timedelta(hours=80)).timestamp(), 9.0, 0.5, False, (), {}), "2026-05-09", 10)
    queue.close()
    late = trials.look(installation)
    assert late is not None
    assert (late.did, "queue_age is 80" in late.says) == ("abort", True)
    more = payments.assign(payment_id=[f"q{n}" for n in range(4_000)])
    more.loc[(variant == "challenger") & (np.arange(4_000) % 4 == 0), "action"] = "step_up"
    put(installation, installation.tables["payments"], more)
    assert "friction" in trials.look(installation).says  # type: ignore[union-attr]


def test_the_sensor_looks_when_it_is_time_and_says_why_it_does_not(at: At) -> None:
    installation = at(0)
    definitions = pipeline(installation)
    with dg.DagsterInstance.ephemeral() as instance:

        def ticked() -> str:
            context = dg.build_sensor_context(instance, None, definitions=definitions)
            reason = definitions.resolve_sensor_def("trial_sensor").evaluate_tick(context).skip_message
            return str(reason)

        assert "0 requests were scored in shadow" in ticked()
        assert "looked at less than" in ticked()
    nothing = Installation(FEED, installation.settings.model_copy(update={"home": installation.settings.home / "new"}))
    assert trials.look(nothing) is None


def test_rules_that_name_what_is_not_there_are_refused_when_the_system_is_made() -> None:
    rules = FEED.trial
    assert isinstance(rules, TrialRules)
    for wrong in (
        replace(rules, asker="user"),
        replace(rules, variant="arm"),
        replace(rules, goal=replace(rules.goal, above=Tally(by="clicks", followed=(Holds("action", ("click",)),)))),
        replace(rules, goal=replace(rules.goal, above=Tally((Holds("served", ("full",)),)))),
    ):
        with pytest.raises(DefinitionError, match="trial: "):
            replace(FEED, trial=wrong)
