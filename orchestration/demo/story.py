"""The story `make demo` tells: once around the wheel, then everything that is meant to go wrong."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from feature_repo.redis_server import running as redis_running
from orchestration import runs
from orchestration.assets.training import GATES
from orchestration.demo import scenes
from orchestration.demo.origins import AFTERWARDS, Origin, Simulated, end_of
from orchestration.demo.stage import Stage
from orchestration.partitions import WHY
from orchestration.system import Installation
from serving.process import serving
from validation.address import shown
from validation.errors import FlywheelError


@dataclass
class Story:
    """One telling: where it happens, on which events, and what is learned on the way."""

    stage: Stage
    at: Installation
    origin: Origin
    learned: dict[str, Any] = field(default_factory=dict)

    def tell(self, life: ExitStack) -> None:
        """From events to a feed, and on to everything that keeps it honest. Processes live as long as `life`."""
        first, last = self.origin.first, self.origin.last
        self.events(life, first, last)
        self.features(first, last)
        self.service(life)
        before = scenes.feed_of_one(self.stage, self.at, self.origin, "before any model")
        self.model(last)
        after = scenes.feed_of_one(self.stage, self.at, self.origin, "ranked by the release", ranked=True)
        self.learned["feed"] = {"before": before, "after": after}
        self.learned["latency_ms"] = scenes.latency(self.stage, self.at, self.origin)
        if isinstance(self.origin, Simulated):
            self.learned["utility"] = scenes.true_utility(self.stage, self.at, self.origin)
        self.stage.chapter("When parts fail")
        self.learned["leak"] = scenes.planted_leak(self.stage, self.at)
        self.learned["redis_down"] = scenes.without_redis(self.stage, self.at, self.origin)
        self.redis(life, "Redis is back, with what it had saved")
        scenes.wait_for_full(self.at, self.origin)
        self.stage.chapter("What was served comes back")
        self.learned["feedback"] = self.feedback(last)
        self.stage.chapter("The world changes")
        later = self.drift(last)
        if len(later.registry.history()) > 1:
            self.learned["rollback"] = scenes.rollback(self.stage, later)
        else:
            self.stage.say("nothing to roll back to: the first release is still live")

    def events(self, life: ExitStack, first: date, last: date) -> None:
        """Deliver, and put what is right into the lake."""
        self.stage.chapter("Events in")
        with self.stage.step("events are delivered to the landing") as line:
            delivered = self.origin.deliver(self.at.settings.landing)
            line.says = ", ".join(f"{name} {facts.received:,}" for name, facts in delivered.items())
        self.redis(life, "Redis starts")
        self.run("ingest", "every batch is validated, the ledger balances", first, last)
        self.learned["ledger"] = scenes.ledger(self.stage, self.at)

    def redis(self, life: ExitStack, title: str) -> None:
        """A Redis server, as long as `life`."""
        settings = self.at.settings
        with self.stage.step(title) as line:
            life.enter_context(redis_running(settings.redis_url, settings.home / "redis", settings.redis_accept_old))
            line.says = shown(settings.redis_url)

    def features(self, first: date, last: date) -> None:
        """States, profiles, and their newest rows online."""
        self.stage.chapter("Features")
        self.run("features", "Spark publishes states, Feast takes them online", first, last)

    def service(self, life: ExitStack) -> None:
        """The service, started before there is any model."""
        self.stage.chapter("A feed")
        with self.stage.step("the service starts, without a model yet") as line:
            line.says = life.enter_context(serving(self.moved(self.at.now()).settings))

    def model(self, last: date) -> None:
        """Contenders, gates, release."""
        self.stage.chapter("A model")
        trained = self.run("train", "contenders learn from point-in-time features", last, last)
        self.learned["training"] = scenes.training_figures(self.stage, trained)
        self.run("release", "gates, registry, a built service proves it, it goes live", last, last)
        self.learned["gates"] = scenes.verdict(self.stage, self.at)

    def feedback(self, last: date) -> dict[str, Any]:
        """Served feeds and what users did with them return through ingestion; served features equal recomputed ones."""
        seen = scenes.feedback(self.stage, self.at, self.origin)
        today = last + timedelta(days=1)
        later = Story(self.stage, self.moved(end_of(today)), self.origin)
        scenes.wait_for_landing(self.stage, self.at)
        later.run("features", "they come back through ingestion", today, today)
        watched = later.run("monitor", "served features are compared with recomputed ones", today, today)
        skew = scenes.run_metadata(watched, "skew")
        self.stage.say(str(skew.get("reason", skew.get("finding"))))
        return {**seen, "skew": {name: value for name, value in skew.items() if name != "table"}}

    def drift(self, last: date) -> Installation:
        """Two steady days have passed, two changed ones follow; the sensor asks for exactly one retraining."""
        first, until = last + timedelta(days=2), last + timedelta(days=1 + AFTERWARDS)
        self.run("monitor", "the last two days are steady", last - timedelta(days=1), last)
        steady, cursor = scenes.retraining_asked(self.at, None)
        with self.stage.step("two days arrive in which something turned") as line:
            self.origin.deliver_drifted(self.at.settings.landing, self.at.lake)
            line.says = f"{first} and {until}"
        told = Story(self.stage, self.moved(end_of(until)), self.origin)
        told.run("features", "they are ingested and become features", first, until)
        told.run("monitor", "they are compared with what the release knew", first, until)
        asked, cursor = scenes.retraining_asked(told.at, cursor)
        again, _ = scenes.retraining_asked(told.at, cursor)
        counts = f"{len(steady)} while steady, {len(asked)} after the drift, {len(again)} when asked again"
        self.stage.say(f"retrainings the sensor asked for: {counts}")
        self.learned["drift"] = {
            "retrainings_while_steady": len(steady),
            "retrainings_after_drift": len(asked),
            "asked_again": len(again),
            "why": [request.tags.get(WHY, "") for request in asked],
        }
        for request in asked:
            day = date.fromisoformat(str(request.partition_key))
            told.retrain(day, request.tags.get(WHY))
        return told.at

    def retrain(self, day: date, why: str | None) -> None:
        """A candidate from newer events; what the gates refuse does not go live, and the story goes on."""
        result = self.run("retrain", "it retrains through the same gates", day, day, why, may_be_refused=True)
        self.stage.say(f"release {self.at.registry.live()} is live" if result.success else "so the live release stays")

    def moved(self, moment: datetime) -> Installation:
        """The same installation, later."""
        return Installation(self.at.system, self.at.settings.model_copy(update={"replay_from": moment}))

    def run(
        self, job: str, title: str, first: date, last: date, why: str | None = None, may_be_refused: bool = False
    ) -> dg.ExecuteInProcessResult:
        """Run a Dagster job as one step; raises FlywheelError when it fails, but not on a refusal that is allowed."""
        said: list[str] = []
        with self.stage.step(title) as line:
            result = runs.execute(self.at, job, first, last, said.append, why)
            refused = any(c.check_name == GATES and not c.passed for c in result.get_asset_check_evaluations())
            line.says = f"job {job}, " + (f"{first} to {last}" if first != last else f"{last}")
            if not (result.success or (refused and may_be_refused)):
                raise FlywheelError(f"job {job} for {first} to {last} failed:\n" + "\n".join(said))
        for text in said:
            self.stage.say(text)
        return result
