"""Seven days: users answer the live service's pages, tastes turn, a bad release is tried, the retrained one wins."""

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from infra.clock import ClockHand
from infra.patience import Patience
from infra.pseudonyms import FILE as PSEUDONYMS
from infra.redis_server import running as redis_running
from infra.settings import Settings
from infra.signing import public_key_path
from orchestration.demo import scenes
from orchestration.demo.loop.accounts import Accounts
from orchestration.demo.loop.caller import Caller
from orchestration.demo.loop.faults import languages_lost, slipped_release
from orchestration.demo.loop.lines import Frozen, Line, Oracle, Popular
from orchestration.demo.loop.plan import Plan
from orchestration.demo.loop.rollout import Rollout
from orchestration.demo.loop.traffic import HOUR, Traffic
from orchestration.demo.origins import end_of
from orchestration.demo.steps import moved, run_job
from orchestration.demo_console import DemoConsole
from orchestration.deployment import free_port, name_champion
from orchestration.diagnosing import diagnose
from orchestration.partitions import WHY
from orchestration.sources.simulator import deliver
from orchestration.system import Installation
from serving.launch import Running, started

CLOSES_S = 600.0  # before midnight the last page is asked for
HAND_OVER_S = 900.0  # of the moved clock
SENSOR, SCHEDULE = "retraining sensor", "nightly schedule"
WRITTEN_WITHIN_S = 3.0  # of real time: the decision log waits a moment for further rows


@dataclass
class LoopStory:
    """One telling; processes end with `life`."""

    stage: DemoConsole
    installation: Installation
    plan: Plan
    life: ExitStack
    accounts: Accounts = field(default_factory=Accounts)
    learned: dict[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    began: float = field(default_factory=time.monotonic)

    def tell(self) -> None:
        """The past, and then the days."""
        self.stage.chapter("The past, and the first release")
        self.past()
        service, traffic = self.service()
        for number in range(1, self.plan.days + 1):
            self.stage.chapter(f"Day {number}")
            self.day(number, service, traffic)

    def past(self) -> None:
        """A history of what there was before any model, and the release that learned from it."""
        scale, settings = self.plan.scale, self.installation.settings
        with self.stage.step("events of the past are delivered") as line:
            self.events = self.plan.world.history(0, self.plan.history)
            delivered = deliver(self.events, scale, settings.landing)
            line.says = ", ".join(f"{name} {facts.received:,}" for name, facts in delivered.items())
        patience, old = Patience.of(settings), settings.redis_accept_old
        self.life.enter_context(redis_running(settings.redis_url, settings.home / "redis", old, patience=patience))
        first, last = scale.start.date(), self.plan.date(0)
        self.run("features", "they are validated and become features", self.installation, first, last)
        trained = self.run("train", "the first release learns from them", self.installation, last, last)
        self.learned["first"] = scenes.run_metadata(trained, "ranker")["metrics"]
        self.run("release", "gates, registry, proof; it goes live", self.installation, last, last)
        self.bad_release()

    def service(self) -> tuple[Running, Traffic]:
        """The live service, and one that follows the first release alone; both on the clock that this moves."""
        settings, scale = self.installation.settings, self.plan.scale
        hand = ClockHand(settings.home / "replay.clock", scale.finish)
        on_hand = {"replay_from": scale.end, "replay_clock": settings.home / "replay.clock", "hand_over_s": HAND_OVER_S}
        live = settings.model_copy(update=on_hand)
        first = self.installation.registry.live()
        assert first is not None
        frozen = frozen_home(self.installation, first, live)
        with self.stage.step("the service starts, and one that stays with the first release") as line:
            service = self.life.enter_context(started(live))
            self.life.enter_context(started(frozen))
            line.says = f"{service.address}, {frozen.service_host}:{frozen.service_port}"
        popular, names = Popular(self.plan.world), self.installation.system.page.service.names
        popular.learn_past(self.events)
        del self.events
        lines: dict[str, Line] = {
            "popular": popular,
            "frozen": Frozen(self.plan.world, Caller(frozen), names),
            "oracle": Oracle(self.plan.world),
        }
        self.rollout = Rollout(self.stage)
        return service, Traffic(self.plan.world, Caller(live), hand, names, lines, popular, self.accounts)

    def day(self, number: int, service: Running, traffic: Traffic) -> None:
        """One day: what is planned for it, its traffic, its features, and what the machinery makes of it."""
        plan, begin = self.plan, self.plan.begin(number)
        traffic.hand.move(begin)
        if number == plan.drift_on:
            self.stage.say("most users' interests turn into others")
        before = len(self.accounts.rows)
        traffic.visits.open(plan.history + number - 1)
        with self.stage.step("users come, and answer their pages") as line:
            for hour in range(1, 25):
                until = min(begin + hour * HOUR, self.plan.begin(number + 1) - CLOSES_S)
                traffic.serve(until)
                if hour % plan.look_h == 0:
                    self.rollout.look(self.at(until))
            traffic.visits.drop()
            line.says = f"{len(self.accounts.rows) - before:,} pages"
        self.hand_over(number, service, traffic)
        self.after(number)

    def hand_over(self, number: int, service: Running, traffic: Traffic) -> None:
        """Every row of the day is in a file that is named after the day, and the file is handed over."""
        traffic.hand.move(self.plan.begin(number + 1) - 1)
        time.sleep(WRITTEN_WITHIN_S)
        traffic.hand.move(self.plan.begin(number + 1) + HAND_OVER_S)
        scenes.wait_for_landing(self.stage, self.installation, service)

    def after(self, number: int) -> None:
        """The day's end: descriptions, features, monitoring, and whether to train again."""
        plan, today, settings = self.plan, self.plan.date(number), self.installation.settings
        deliver(
            plan.world.described(plan.history + number - 1, 1), plan.scale, settings.landing,
            datetime.fromtimestamp(plan.begin(number), UTC), datetime.fromtimestamp(plan.begin(number + 1), UTC),
        )  # fmt: skip
        if number + 1 == plan.null_on:
            count = languages_lost(plan.world, plan.null_region, plan.begin(number + 1) - HOUR, settings.landing)
            self.stage.say(f"an exporter upstream loses the language of {count} users, all of one region")
        at = moved(self.installation, end_of(today))
        self.run("features", "the day becomes features", at, today, today)
        self.run("monitor", "the day is compared with what the release knew", at, today, today)
        if number in (plan.null_on - 1, plan.null_on):
            self.diagnose(number, at)
        if number + 1 == plan.bad_on:
            self.rollout.enter(at, self.learned["bad"], "an engineer", "more exploration, as agreed")
        self.retrain(number, at)

    def retrain(self, number: int, at: Installation) -> None:
        """What sensor or schedule ask for is trained, judged and proven; then it enters, or waits for its turn."""
        today = self.plan.date(number)
        requests, self.cursor = scenes.requested_retrainings(at, self.cursor)
        asked = [(request.tags.get(WHY, ""), SENSOR) for request in requests]
        if not asked and number >= self.plan.drift_on:
            asked = [("every night", SCHEDULE)]
        for why, who in asked:
            self.stage.say(f"the {who} asks for a retraining: {why}")
            newest = at.registry.newest()
            title = "a candidate learns from the newest days"
            self.run("retrain", title, at, today, today, why, refusable=True)
            version = at.registry.newest()
            trained = version if version != newest else None
            self.learned.setdefault("retrained", []).append({"day": number, "why": why, "release": trained, "who": who})
            if trained:
                self.rollout.wait(at, trained, who, why)

    def diagnose(self, number: int, at: Installation) -> None:
        """What the day's serving log says by itself: it is not told what was planted, nor where."""
        diagnosis = diagnose(at, self.plan.date(number))
        for line in diagnosis.lines():
            self.stage.say(line)
        says = {
            "feature": diagnosis.feature,
            "where": diagnosis.where,
            "cause": diagnosis.cause,
            "says": diagnosis.lines(),
        }
        self.learned["diagnosis" if number == self.plan.null_on else "diagnosis_the_day_before"] = says

    def bad_release(self) -> None:
        """Somebody has a release ready whose policy has a slip of a digit; every gate has passed it."""
        with self.stage.step("a release with a slip of a digit in its policy passes every gate") as line:
            self.learned["bad"] = slipped_release(self.installation)
            line.says = f"release {self.learned['bad']}: it explores half of the places, not a twentieth"

    def at(self, moment: float) -> Installation:
        """The installation at a moment."""
        return moved(self.installation, datetime.fromtimestamp(moment, UTC))

    def run(
        self, job: str, title: str, at: Installation, first: Any, last: Any, why: str | None = None, *,
        refusable: bool = False,
    ) -> dg.ExecuteInProcessResult:  # fmt: skip
        """A Dagster job as one step."""
        return run_job(self.stage, at, job, title, (first, last), why=why, may_be_refused=refusable)


def frozen_home(installation: Installation, version: str, live: Settings) -> Settings:
    """The settings of a service that stays with one release and reads the same states from Redis."""
    home = live.home / "frozen"
    home.mkdir()
    shutil.copy2(live.home / PSEUDONYMS, home / PSEUDONYMS)
    own = {"home": home, "service_port": free_port(), "release_public_key": public_key_path(live).absolute()}
    settings = live.model_copy(update=own)
    name_champion(installation, version, settings)
    return settings
