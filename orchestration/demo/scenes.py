"""Scenes of the demo: each does one thing a user would want to see, and returns what was seen."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from infra.errors import Unavailable
from infra.patience import Patience, Process, Waiting, wait_until_ready
from orchestration import client as feed
from orchestration.demo.origins import Origin, Simulated
from orchestration.demo_console import DemoConsole
from orchestration.system import Installation
from serving.page import FULL
from validation.batches import balance, read_ledger

if TYPE_CHECKING:
    import dagster as dg

    from serving.launch import Running

FOLLOWS_WITHIN_S = 300.0  # a second on a machine that is not busy
USERS_COMPARED = 200  # users whose feeds are compared with the truth
FEEDBACK_FROM = 150


def feed_of_first_user(
    stage: DemoConsole, installation: Installation, origin: Origin, title: str, ranked_by: "Running | None" = None
) -> dict[str, Any]:
    """The feed of one user as it is now; from `ranked_by`, once that service has followed the release."""
    user = origin.users(1, installation.lake)[0]
    with stage.step(f"the feed of user {user}, {title}") as line:
        if ranked_by:
            answer = feed.answered(
                installation.settings, installation.system, user, installation.registry.live(), ranked_by, explain=True
            )
        else:
            answer = preview(installation, user, 5)
        line.says = f"served by {answer['served_by']}, release {answer['release'] or 'none'}"
    stage.grid("", ("#", "video", "why: the features that count most"), feed.rows(answer, item_name(installation)))
    return answer


def latency(stage: DemoConsole, installation: Installation, origin: Origin) -> dict[str, float]:
    """Milliseconds of sequential requests over loopback, one user each: p50 and p95."""
    users = origin.users(USERS_COMPARED, installation.lake)
    with stage.step(f"{len(users)} users ask for their feed") as line:
        took = []
        for user in users:
            start = time.perf_counter()
            preview(installation, user)
            took.append((time.perf_counter() - start) * 1000)
        quantiles = {
            name: round(float(np.quantile(took, q)), 2) for name, q in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
        }
        line.says = f"p50 {quantiles['p50']} ms, p95 {quantiles['p95']} ms (embedded: one process, loopback)"
    return quantiles


def true_utility(stage: DemoConsole, installation: Installation, origin: Simulated) -> dict[str, float]:
    """Mean true utility of ten videos: the popular ones, those ranked, and those an oracle would show."""
    moment, name = origin.scale.finish, item_name(installation)
    users = origin.users(USERS_COMPARED, installation.lake)
    with stage.step("the simulator tells the true utility of the feeds") as line:
        lists = installation.registry.popular(installation.registry.newest())
        worth: dict[str, list[float]] = {"popular": [], "ranked": [], "oracle": []}
        for user in users:
            live = set(origin.world.live_videos(moment, user))
            shown = [item[name] for item in preview(installation, user)["items"]]
            popular = [video for video in lists.for_group(origin.region_of(user)) if video in live][:10]
            best = origin.world.best(user, moment, 10, sorted(live))
            for kind, videos in (("popular", popular), ("ranked", shown), ("oracle", list(best))):
                worth[kind].append(float(np.sum(origin.world.utility([user] * len(videos), videos, moment)) / 10))
        means = {kind: round(float(np.mean(values)), 4) for kind, values in worth.items()}
        means["ranked_over_popular"] = round(means["ranked"] / means["popular"], 3)
        line.says = f"popular {means['popular']}, ranked {means['ranked']}, oracle {means['oracle']}"
    return means


def planted_leak(stage: DemoConsole, installation: Installation) -> dict[str, Any]:
    """A column that tells the label is planted into the training set: a gate has to refuse what learned from it."""
    from orchestration.release_inputs import verdict_on
    from training.judging import planted_column

    with stage.step("a leak is planted: a column filled in after the impression") as line:
        planted = planted_column(installation.training_set(), installation.system.task, seed=0)
        verdict = verdict_on(installation, planted, installation.now())
        line.says = "REFUSED" if not verdict.passed else "passed, which is a fault"
    reasons = [reason for reason in verdict.reasons() if "leak" in reason] or verdict.reasons()
    for reason in reasons[:2]:
        stage.say(reason)
    return {"refused": not verdict.passed, "reasons": verdict.reasons()}


def without_redis(stage: DemoConsole, installation: Installation, origin: Origin) -> dict[str, Any]:
    """Redis is killed: every user is still answered, and each answer says what is missing."""
    from infra import redis_server

    users = origin.users(50, installation.lake)
    with stage.step("Redis is killed; 50 users ask for their feed") as line:
        redis_server.end(installation.settings.redis_url, installation.settings.home / "redis")
        answers = [preview(installation, user) for user in users]
        rungs = {rung: sum(a["served_by"] == rung for a in answers) for rung in {a["served_by"] for a in answers}}
        filled = sum(len(a["items"]) > 0 for a in answers)
        line.says = f"{filled} of {len(users)} answered with videos; served by {rungs}"
    return {"asked": len(users), "answered": filled, "served_by": rungs}


def feedback(stage: DemoConsole, installation: Installation, origin: Origin) -> dict[str, Any]:
    """Users get their feeds and react; the service writes both down where ingestion finds them."""
    names, sent = installation.system.page.service.names, 0
    users = origin.users(FEEDBACK_FROM, installation.lake)
    with stage.step(f"{len(users)} users watch what they were shown") as line:
        pages = [
            (user, feed.ask(installation.settings, installation.system, user, 10), installation.clock.now())
            for user in users
        ]
        for user, page, moment in pages:
            shown = [str(item[names.item]) for item in page["items"]]
            events = origin.react(user, shown, moment, page["request_id"]) if shown else []
            events = [
                {**_by_now(event, names.event_time, installation.now()), "token": page["token"]} for event in events
            ]
            if events:
                sent += feed.post(installation.settings, "events", "/v1/events", {"events": events})["accepted"]
        line.says = f"{sum(len(page['items']) for _, page, _ in pages):,} impressions, {sent:,} engagements"
    return {"feeds": len(pages), "impressions": sum(len(page["items"]) for _, page, _ in pages), "engagements": sent}


def _by_now(event: dict[str, Any], time_name: str, now: datetime) -> dict[str, Any]:
    """The event, with a moment that is not in the future: the service refuses events that have not happened yet."""
    return {**event, time_name: min(datetime.fromisoformat(event[time_name]), now).isoformat()}


def wait_for_landing(stage: DemoConsole, installation: Installation, service: "Running") -> None:
    """Wait until the service has handed its open files over to the landing."""
    folders = [installation.settings.landing / table.name for table in installation.system.tables]

    def handed_over() -> bool:
        return not any(path for folder in folders for path in folder.glob("*.open"))

    with stage.step("the service hands its logs over to the landing") as line:
        wait_until_ready(_waiting("the service's log files", installation, service), handed_over, service.process.poll)
        line.says = f"{sum(len(list(folder.glob('*.jsonl'))) for folder in folders)} files"


def ledger(stage: DemoConsole, installation: Installation) -> dict[str, dict[str, int]]:
    """The ledger added up by table, and compared with what the lake holds."""
    counts_by_table: dict[str, dict[str, int]] = {}
    for table in installation.system.tables:
        lines = read_ledger(installation.lake, table.name)
        counts = {
            n: sum(getattr(line, n) for line in lines) for n in ("received", "accepted", "duplicate", "quarantined")
        }
        counts_by_table[table.name] = {**counts, "off": balance(installation.lake, table.name)["off"]}
    rows = [(name, *(f"{n:,}" for n in counts.values())) for name, counts in counts_by_table.items()]
    stage.grid(
        "Ledger: received = accepted + duplicate + quarantined", ("table", *next(iter(counts_by_table.values()))), rows
    )
    return counts_by_table


def verdict(stage: DemoConsole, installation: Installation) -> list[dict[str, Any]]:
    """What the gates said of the newest release."""
    newest = installation.registry.verdict(installation.registry.newest())
    stage.grid("Gates", ("gate", "outcome", "measured", "limit", "reason"), [tuple(row) for row in newest.table()])
    return [
        {"gate": f.gate, "passed": f.passed, "measured": f.measured, "limit": f.limit, "reason": f.reason}
        for f in newest.findings
    ]


def requested_retrainings(installation: Installation, cursor: str | None) -> tuple[list["dg.RunRequest"], str | None]:
    """The runs that the retraining sensor requests now, as Dagster's daemon would get them, and its cursor."""
    import dagster as dg

    from orchestration.pipeline import pipeline

    definitions = pipeline(installation)
    sensor = definitions.resolve_sensor_def("retraining_sensor")
    with dg.DagsterInstance.get() as instance:
        tick = sensor.evaluate_tick(dg.build_sensor_context(instance, cursor, definitions=definitions))
    return list(tick.run_requests or []), tick.cursor


def wait_for_full(stage: DemoConsole, installation: Installation, origin: Origin, service: "Running") -> None:
    """Wait until the service has noticed that Redis is back: a feed is served in full again."""
    user = origin.users(1, installation.lake)[0]
    waiting = _waiting("a feed that is served in full", installation, service)
    try:
        wait_until_ready(waiting, lambda: preview(installation, user)["served_by"] == FULL, service.process.poll)
    except Unavailable as late:  # a busy machine may not rank within the 180 ms that a feed may take
        if service.process.poll() is not None:
            raise
        stage.say(f"no feed was served in full yet: {late}")


def _waiting(what: str, installation: Installation, service: "Running") -> Waiting:
    patience = replace(
        Patience.of(installation.settings), longest_s=min(installation.settings.longest_wait_s, FOLLOWS_WITHIN_S)
    )
    return Waiting(what, Process(service.process.pid, service.log), patience)


def rollback(stage: DemoConsole, installation: Installation) -> dict[str, Any]:
    """Back to the release before: the service follows without a restart; the history says who and why."""
    was = installation.registry.live()
    with stage.step("rollback to the release before") as line:
        installation.registry.rollback(who="demo", why="shown on purpose", at=installation.now())
        live = installation.registry.live()
        line.says = f"live was {was}, is {live}"
    history = [entry.row() for entry in installation.registry.history()]
    stage.grid("What was live when, who moved it, why", ("at", "action", "from", "to", "who", "why"), history)
    return {"from": was, "to": live, "history": history}


def preview(installation: Installation, user: str, limit: int = 10, explain: bool = False) -> dict[str, Any]:
    """A feed as the user would get it, neither logged nor remembered."""
    return feed.ask(installation.settings, installation.system, user, limit, explain=explain, preview=True)


def item_name(installation: Installation) -> str:
    """What the system's answers call an item's id."""
    return installation.system.page.service.names.item


def training_figures(stage: DemoConsole, result: "dg.ExecuteInProcessResult") -> dict[str, Any]:
    """What the training run measured, from Dagster's record; shown as a table of contenders."""
    metadata = run_metadata(result, "ranker")
    head = ("contender", "NDCG@10", "AUC", "GAUC", "log loss")
    stage.grid("Contenders on the judge rows (95 % intervals)", head, contenders(metadata["metrics"]))
    return {"metrics": metadata["metrics"], "also": metadata["metrics_also"], "winner": metadata["winner"]}


def contenders(metrics: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """A line a contender."""
    return [
        (name, _interval(m, "ndcg_at_10"), _interval(m, "auc"), _interval(m, "gauc"), _figure(m.get("log_loss")))
        for name, m in metrics.items()
    ]


def run_metadata(result: "dg.ExecuteInProcessResult", asset: str) -> dict[str, Any]:
    """The plain values that an asset recorded in Dagster in this run."""
    for event in result.get_asset_materialization_events():
        if event.asset_key is not None and event.asset_key.path[-1] == asset:
            return {name: value.value for name, value in event.materialization.metadata.items()}
    return {}


def _interval(measured: dict[str, Any], name: str) -> str:
    ends: Sequence[Any] = [measured.get(name + end) for end in ("", "_low", "_high")]
    return "–" if ends[0] is None else f"{ends[0]:.4f} [{_figure(ends[1])}, {_figure(ends[2])}]"


def _figure(value: Any) -> str:
    return "–" if value is None else f"{value:.4f}"
