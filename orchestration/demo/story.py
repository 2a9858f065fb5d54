"""The scenes of `make demo`, in order: the whole loop once, then the faults it has to survive."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import dagster as dg

from feature_repo.records import connect
from infra.address import shown
from infra.patience import Patience
from infra.redis_server import running as redis_running
from orchestration.demo import scenes
from orchestration.demo.diary import Diary
from orchestration.demo.origins import AFTERWARDS, Origin, Simulated, end_of
from orchestration.demo.steps import moved, retrained, roll_back, run_job
from orchestration.demo_console import DemoConsole
from orchestration.partitions import WHY
from orchestration.system import Installation
from serving.launch import Running, started

AT, LATER = "at", "later"  # the clocks of the diary


@dataclass
class Story:
    """One run of the demo: the installation, the events, and which scenes are done. Its processes end with `life`."""

    stage: DemoConsole
    installation: Installation
    origin: Origin
    diary: Diary
    life: ExitStack = field(default_factory=ExitStack)
    _redis_runs: bool = False
    _service: Running | None = None

    def tell(self) -> None:
        """Run all scenes, from events to a feed, faults and drift; scenes that are done already are left out."""
        self.chapter("Events in", self.delivery, self.ingestion)
        self.chapter("Features", self.features)
        self.chapter("A feed", self.feed_without_model)
        self.chapter("A model", self.model, self.feed_by_model, self.latency, self.utility)
        self.chapter("When parts fail", self.leak, self.without_redis)
        self.chapter("What was served comes back", self.feedback)
        self.chapter("The world changes", self.steady, self.turned, self.watched, self.retrained, self.rollback)

    def chapter(self, title: str, *scenes: Callable[[], None]) -> None:
        """Print a heading and run its scenes; each that ends is noted with its figures, and is not run again."""
        left = [scene for scene in scenes if scene.__name__ not in self.diary.done]
        if left:
            self.stage.chapter(title)
        for scene in left:
            scene()
            self.diary.done.append(scene.__name__)
            self.diary.clocks = {AT: self.installation.now()} | (
                {LATER: self.later.now()} if "later" in self.__dict__ else {}
            )
            self.diary.write(self.installation.settings.home)

    @property
    def learned(self) -> dict[str, Any]:
        """The figures, by what they are about."""
        return self.diary.learned

    def redis_runs(self) -> None:
        """Start Redis for the first scene that needs it; put online again what was online before."""
        if self._redis_runs:
            return
        self.start_redis("Redis starts")
        self._redis_runs = True
        if self.features.__name__ in self.diary.done and not connect(self.installation.settings.redis_url).dbsize():
            self.run("features", "what Redis held is lost: it is published again", self.origin.first, self.origin.last)

    def service_runs(self) -> Running:
        """The service, started for the first scene that needs it."""
        self.redis_runs()
        if self._service is not None:
            return self._service
        suffix = "" if self.model.__name__ in self.diary.done else ", without a model yet"
        with self.stage.step(f"the service starts{suffix}") as line:
            self._service = self.life.enter_context(started(self.moved(self.installation.now()).settings))
            line.says = self._service.address
        return self._service

    @cached_property
    def later(self) -> Installation:
        """The same installation after the drifted days."""
        end = end_of(self.origin.last + timedelta(days=1 + AFTERWARDS))
        return self.moved(self.diary.clocks.get(LATER, end))

    def start_redis(self, title: str) -> None:
        """A Redis server, as long as `life`."""
        settings = self.installation.settings
        with self.stage.step(title) as line:
            patience, old = Patience.of(settings), settings.redis_accept_old
            self.life.enter_context(redis_running(settings.redis_url, settings.home / "redis", old, patience=patience))
            line.says = shown(settings.redis_url)

    def delivery(self) -> None:
        """Events reach the landing."""
        with self.stage.step("events are delivered to the landing") as line:
            delivered = self.origin.deliver(self.installation.settings.landing)
            line.says = ", ".join(f"{name} {facts.received:,}" for name, facts in delivered.items())

    def ingestion(self) -> None:
        """What is right gets into the lake."""
        self.redis_runs()
        first, last = self.origin.first, self.origin.last
        self.run("ingest", "every batch is validated, the ledger balances", first, last)
        self.learned["ledger"] = scenes.ledger(self.stage, self.installation)

    def features(self) -> None:
        """States, profiles, and their newest rows online."""
        self.redis_runs()
        self.run("features", "Spark publishes states, Feast takes them online", self.origin.first, self.origin.last)

    def feed_without_model(self) -> None:
        """The first feed, from a service that was started before there is any model."""
        self.service_runs()
        before = scenes.feed_of_first_user(self.stage, self.installation, self.origin, "before any model")
        self.learned["feed"] = {"before": before}

    def model(self) -> None:
        """Contenders, gates, release."""
        self.service_runs()
        last = self.origin.last
        trained = self.run("train", "contenders learn from point-in-time features", last, last)
        self.learned["training"] = scenes.training_figures(self.stage, trained)
        self.run("release", "gates, registry, a built service proves it, it goes live", last, last)
        self.learned["gates"] = scenes.verdict(self.stage, self.installation)

    def feed_by_model(self) -> None:
        """The same user's feed."""
        after = scenes.feed_of_first_user(
            self.stage, self.installation, self.origin, "ranked by the release", self.service_runs()
        )
        self.learned["feed"]["after"] = after

    def latency(self) -> None:
        """How long a feed takes."""
        self.service_runs()
        self.learned["latency_ms"] = scenes.latency(self.stage, self.installation, self.origin)

    def utility(self) -> None:
        """What the feeds are worth, where that is known."""
        if isinstance(self.origin, Simulated):
            self.service_runs()
            self.learned["utility"] = scenes.true_utility(self.stage, self.installation, self.origin)

    def leak(self) -> None:
        """A leak that a gate refuses."""
        self.learned["leak"] = scenes.planted_leak(self.stage, self.installation)

    def without_redis(self) -> None:
        """Redis is killed, and starts again."""
        service = self.service_runs()
        self.learned["redis_down"] = scenes.without_redis(self.stage, self.installation, self.origin)
        self.start_redis("Redis is back, with what it had saved")
        scenes.wait_for_full(self.stage, self.installation, self.origin, service)

    def feedback(self) -> None:
        """Served feeds and what users did with them return through ingestion; served features equal recomputed ones."""
        service, today = self.service_runs(), self.origin.last + timedelta(days=1)
        figures = scenes.feedback(self.stage, self.installation, self.origin)
        after = self.moved(end_of(today))
        scenes.wait_for_landing(self.stage, self.installation, service)
        self.run("features", "they come back through ingestion", today, today, installation=after)
        watched = self.run(
            "monitor", "served features are compared with recomputed ones", today, today, installation=after
        )
        skew = scenes.run_metadata(watched, "skew")
        self.stage.say(str(skew.get("reason", skew.get("finding"))))
        fresh = scenes.run_metadata(watched, "freshness")
        if fresh.get("finding") != "stale":  # the failed check has said it
            self.stage.say(str(fresh.get("reason", fresh.get("finding"))))
        both = {"skew": skew, "freshness": fresh}
        self.learned["feedback"] = figures | {
            check: {name: value for name, value in facts.items() if name != "table"} for check, facts in both.items()
        }

    def steady(self) -> None:
        """Two steady days have passed: nothing asks for a retraining."""
        last = self.origin.last
        self.run("monitor", "the last two days are steady", last - timedelta(days=1), last)
        requests, self.diary.notes["cursor"] = scenes.requested_retrainings(self.installation, None)
        self.learned["drift"] = {"retrainings_while_steady": len(requests)}

    def turned(self) -> None:
        """Two days arrive in which something has changed."""
        first, until = self._drifted
        with self.stage.step("two days arrive in which something turned") as line:
            self.origin.deliver_drifted(self.installation.settings.landing, self.installation.lake)
            line.says = f"{first} and {until}"

    def watched(self) -> None:
        """The sensor asks for exactly one retraining."""
        self.redis_runs()
        first, until = self._drifted
        self.run("features", "they are ingested and become features", first, until, installation=self.later)
        self.run("monitor", "they are compared with what the release knew", first, until, installation=self.later)
        requests, cursor = scenes.requested_retrainings(self.later, self.diary.notes["cursor"])
        again, _ = scenes.requested_retrainings(self.later, cursor)
        drift = self.learned["drift"]
        steady = drift["retrainings_while_steady"]
        counts = f"{steady} while steady, {len(requests)} after the drift, {len(again)} when asked again"
        self.stage.say(f"retrainings the sensor asked for: {counts}")
        drift |= {"retrainings_after_drift": len(requests), "asked_again": len(again)}
        drift["why"] = [request.tags.get(WHY, "") for request in requests]
        self.diary.notes["requests"] = [(str(request.partition_key), request.tags.get(WHY)) for request in requests]

    def retrained(self) -> None:
        """What the sensor asked for is done."""
        for day, why in self.diary.notes["requests"]:
            self.redis_runs()
            self.retrain(date.fromisoformat(day), why)

    def retrain(self, day: date, why: str | None) -> None:
        """A candidate from newer events; what the gates refuse does not go live, and the demo goes on."""
        later, title = self.later, "it retrains through the same gates"
        result = self.run("retrain", title, day, day, why, may_be_refused=True, installation=later)
        retrained(self.stage, later, success=result.success)

    def rollback(self) -> None:
        """Back to the release before, where there is one."""
        roll_back(self.stage, self.later, self.learned)

    @property
    def _drifted(self) -> tuple[date, date]:
        return self.origin.last + timedelta(days=2), self.origin.last + timedelta(days=1 + AFTERWARDS)

    def moved(self, moment: datetime) -> Installation:
        """The same installation, later."""
        return moved(self.installation, moment)

    def run(
        self,
        job: str,
        title: str,
        first: date,
        last: date,
        why: str | None = None,
        may_be_refused: bool = False,
        installation: Installation | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run a Dagster job as one step; raises FlywheelError when it fails, but not on a refusal that is allowed."""
        at = installation or self.installation
        return run_job(self.stage, at, job, title, (first, last), why=why, may_be_refused=may_be_refused)
