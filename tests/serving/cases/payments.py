"""A small world of payments to decide: cards, terminals, one card's past, and releases that fear large amounts."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import redis as redis_client

from feature_repo.definition import CounterView, FeatureSet, Lookup, ProfileView, Signal
from feature_repo.recipe import recipe_of
from feature_repo.records import encode, layouts, write_records
from feature_repo.request_time import Age, Code, Context, Count, Recent
from infra.manifest import write_manifest
from infra.release_format import OperatingPoint, write_operating_point
from infra.settings import Settings
from serving.case_policy import CasePolicy, Decide, From, Hold, Lot, Queue, Say, ServedCases
from serving.definition import RequestLimits
from serving.policy_json import to_json
from serving.rules import Above, Among, Below, Rule
from tests.signed import point, sign
from validation.contract import Column, Table
from validation.contract import Rule as RowRule
from validation.definition import BatchLimits

NOW = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
ACTIONS = ("allow", "step_up", "review", "block")
TIMES = (Column("event_time", "timestamp", "when it happened"), Column("received_at", "timestamp", "when we knew"))
LATER = RowRule("received_after_event", "received_at >= event_time", "a clock is wrong")
OLD = BatchLimits(fresh_within=timedelta(days=3650))


def _table(name: str, *columns: Column, versioned: bool = False, person: str | None = None) -> Table:
    key, times = (columns[0].name,), ("event_time", "received_at")
    return Table(name, "a row", "risk team", key, *times, (*columns, *TIMES), (LATER,), OLD, versioned, person=person)


CARDS = _table("cards", Column("card_id", "string", "card"), Column("zone", "string", "home"), versioned=True)
TERMINALS = _table(
    "terminals",
    Column("terminal_id", "string", "terminal"),
    Column("sector", "string", "what it sells"),
    Column("opened_at", "timestamp", "since when"),
    versioned=True,
)
PAYMENTS = _table(
    "payments",
    Column("payment_id", "string", "id"),
    Column("card_id", "string", "paid with", refers_to="cards"),
    Column("terminal_id", "string", "paid to", nullable=True),
    Column("amount", "float64", "amount", "euro", 0, 1_000_000, logged=True),
    Column("channel", "string", "how", one_of=("chip", "online"), logged=True),
    Column("due", "timestamp", "when it is to be settled", nullable=True),
    Column("attempts", "int32", "how often it was tried", nullable=True),
    Column("action", "string", "what was decided", one_of=ACTIONS),
    Column("completed", "bool", "whether the money moved", nullable=True),
    Column("by_lot", "bool", "sent to review by lot"),
    Column("propensity", "float32", "probability of the action", None, 0, 1, nullable=True),
    Column("score", "float32", "score", nullable=True),
    Column("threshold", "float32", "where acting begins", nullable=True),
    Column("reasons", "strings", "why"),
    Column("release", "string", "release", nullable=True),
    Column("served_by", "string", "rung", nullable=True),
    Column("variant", "string", "drawn for", nullable=True),
    Column("served_features", "floats", "as served", nullable=True),
    person="card_id",
)
DISPUTES = _table(
    "disputes",
    Column("dispute_id", "string", "id"),
    Column("payment_id", "string", "the payment"),
    Column("reason", "string", "what is said", one_of=("fraud", "quality")),
)
REVIEWS = _table(
    "reviews",
    Column("review_id", "string", "id"),
    Column("payment_id", "string", "the payment"),
    Column("verdict", "string", "found", one_of=("fraud", "genuine")),
    Column("by_lot", "bool", "by lot"),
)
FEATURES = FeatureSet(
    name="payments_test",
    version=1,
    owner="risk team",
    entities={"card_id": "a card", "terminal_id": "a terminal", "sector": "what is sold"},
    lookups=(Lookup("terminals", "terminal_id", {"sector": "sector"}),),
    signals=(Signal("paid", "payments", "a payment was made"), Signal("disputed", "disputes", "it was disputed")),
    counter_views=(
        CounterView("by_card", ("card_id",), {"paid": ("1h", "7d")}, "how a card is used"),
        CounterView("by_terminal", ("terminal_id",), {"paid": ("7d",), "disputed": ("7d",)}, "complaints"),
        CounterView("by_pair", ("card_id", "terminal_id"), {"paid": ("7d",)}, "where a card is used"),
        CounterView("by_sector", ("sector",), {"paid": ("7d",)}, "what is bought"),
    ),
    profile_views=(
        ProfileView(
            "terminal_profile",
            "terminals",
            ("terminal_id",),
            {"sector": ("String", "sector"), "opened_at": ("Int64", "unix_seconds(opened_at)")},
            "what a terminal is",
        ),
    ),
    features=(
        Context("amount", neutral=50.0),
        Count("card_1h", "by_card.paid_1h"),
        Count("terminal_disputes", "by_terminal.disputed_7d"),
        Count("pair_7d", "by_pair.paid_7d"),
        Count("sector_7d", "by_sector.paid_7d"),
        Age("terminal_age", "terminal_profile.opened_at"),
        Code("channel", ("chip", "online")),
        Recent("card_60s", of="payments", by="card_id", within_s=60),
        Recent("spent_60s", of="payments", by="card_id", within_s=60, amount="amount"),
    ),
)
NAMES = [feature.name for feature in FEATURES.features]
LAYOUTS = layouts(FEATURES)
POLICY = Decide(
    name="payments",
    first=(
        Rule("known_thief", (Among("card_id", ("thief",)),), then="block"),
        Rule("very_large", (Above("amount", 5_000),), then="review"),
    ),
    steps=(From("step_up", times=1.0), From("review", times=2.0), From("block", at=1_000.0)),
    last=(Rule("small_is_never_blocked", (Among("action", ("block",)), Below("amount", 10)), then="step_up"),),
    queue=Queue(a_day=8, for_lot=3, overflow="step_up", amount="amount"),
    follows={"completed": {"allow": True, "block": False}},
    limits=RequestLimits(request_ms=60_000, unscored_ms=30_000, refuse_ms=50_000, score_ms=5, lowest_share=0),
    state_ms=5_000.0,
)
BY_LOT = msgspec.structs.replace(POLICY, lot=Lot(share=0.5, amount="amount", at_most=40.0))
EVENTS = (DISPUTES, REVIEWS)
SERVED = ServedCases(POLICY, FEATURES, PAYMENTS, EVENTS)


def served(policy: CasePolicy = POLICY, table: Table = PAYMENTS) -> ServedCases:
    """The service of these payments by another policy."""
    return ServedCases(policy, FEATURES, table, EVENTS)


@dataclass
class PaymentWorld:
    """Card `c1` paid three times in the last hour; terminal `t1` sells games and is disputed."""

    settings: Settings
    system: str = "payments"

    @property
    def registry(self) -> Path:
        """The folder that the registry publishes releases in."""
        return self.settings.of(self.system).releases

    def fill(self) -> None:
        """Put the states into Redis."""
        at = int(NOW.timestamp() - 60)
        self.write("by_card", ("c1",), {"paid_1h": 3, "paid_7d": 9, "published_at": at * 1_000_000})
        self.write("by_terminal", ("t1",), {"paid_7d": 50, "disputed_7d": 7, "published_at": at * 1_000_000})
        self.write("by_pair", ("c1", "t1"), {"paid_7d": 2, "published_at": at * 1_000_000})
        self.write("by_sector", ("games",), {"paid_7d": 20, "published_at": at * 1_000_000})
        self.write("terminal_profile", ("t1",), {"sector": "games", "opened_at": at - 86_400 * 30})

    def write(self, view: str, key: tuple[str, ...], values: Mapping[str, Any]) -> None:
        """Write one record as the online store does."""
        layout = LAYOUTS[view]
        floats = np.array([[values[name] for name in layout.floats]], dtype=np.float32).reshape(1, -1)
        at = np.full(1, int(NOW.timestamp() - 60) * 1_000_000, dtype=np.int64)
        records = encode(layout, floats, [[values[name]] for name in layout.others], at, at)
        with redis_client.Redis.from_url(self.settings.redis_url) as redis:
            write_records(redis, layout, [key], records, NOW)

    def release(self, version: str, policy: CasePolicy = POLICY, act_from: float | None = 100.0) -> Path:
        """Publish a release whose score is the amount; nothing points to it yet. It has neither lists nor vectors."""
        folder = self.registry / version
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        rows = np.random.default_rng(7).uniform(0, 900, (50, len(NAMES))).astype(np.float32)
        (folder / "model.json").write_text(json.dumps({"kind": "column", "index": 0, "sign": 1.0, "missing": 0.0}))
        np.savez(folder / "golden.npz", inputs=rows, scores=rows[:, 0])
        (folder / "recipe.json").write_bytes(recipe_of(FEATURES))
        (folder / "policy.json").write_bytes(to_json(policy))
        write_operating_point(folder, OperatingPoint(act_from))
        write_manifest(
            folder, system=self.system, version=version, created_at="2026-05-03T00:00:00Z", kind="column",
            features=NAMES, dataset_digest="d",
        )  # fmt: skip
        return folder

    def promote(self, version: str, **more: Any) -> None:
        """Make the pointer name a release, as the registry does."""
        point(self.registry, version, **more)

    def challenge(self, champion: str, challenger: str, share: int, salt: str = "trial") -> None:
        """Make the pointer name a release on trial beside the champion."""
        self.promote(champion, challenger={"release": self.named(challenger), "share": share, "salt": salt})

    def named(self, version: str) -> dict[str, Any]:
        """A release as the pointer names it, signed."""
        sign(self.registry / version)
        digest = hashlib.sha256((self.registry / version / "manifest.json").read_bytes()).hexdigest()
        return {"version": version, "path": version, "manifest_sha256": digest}

    def rows(self, table: str = "payments") -> list[dict[str, Any]]:
        """What was landed of a table; the service has to be stopped first."""
        files = sorted((self.settings.of(self.system).landing / table).glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.open()]


ETA = _table(
    "updates",
    Column("update_id", "string", "id"),
    Column("trip_id", "string", "the trip"),
    Column("card_id", "string", "the driver"),
    Column("terminal_id", "string", "the zone", nullable=True),
    Column("amount", "float64", "minutes of the route", "min", 0, 10_000, logged=True),
    Column("channel", "string", "how", one_of=("chip", "online"), nullable=True),
    Column("minutes", "float32", "what was said", "min", 0, nullable=True),
    Column("score", "float32", "before it was held", nullable=True),
    Column("release", "string", "release", nullable=True),
    Column("served_by", "string", "rung", nullable=True),
    Column("served_features", "floats", "as served", nullable=True),
)
SAY = Say(
    name="payments",
    base="amount",
    value="minutes",
    hold=Hold("trip_id", within=2.0),
    state_ms=5_000.0,
    limits=POLICY.limits,
)
SAYING = FeatureSet(
    name="payments_test", version=1, owner="routing", entities=FEATURES.entities, lookups=FEATURES.lookups,
    signals=FEATURES.signals, counter_views=FEATURES.counter_views, profile_views=FEATURES.profile_views,
    features=FEATURES.features[:-2],
)  # fmt: skip
