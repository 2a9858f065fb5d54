"""A second system, from definitions alone: which payments are fraud? Nothing in it is shared with the home feed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from feature_repo.definition import RATE_STRENGTH, CounterView, FeatureSet, Lookup, ProfileView, Signal
from feature_repo.request_time import Age, Context, Count, Rate
from orchestration.system import System
from training.contenders import Boosted, ByColumn, Linear
from training.definition import Embedding, FallbackLists, Outcome, SliceDefinition, Task
from validation.contract import Column, Rule, Table
from validation.definition import BatchLimits, GateLimits

START = datetime(2026, 5, 4, tzinfo=UTC)
DAYS = 5
TIMES = (Column("happened", "timestamp", "when it happened"), Column("known", "timestamp", "when we knew it"))
LONG_AGO = BatchLimits(fresh_within=timedelta(days=3650))


def _table(
    name: str, row: str, key: str, columns: tuple[Column, ...], versioned: bool = False, rules: tuple[Rule, ...] = ()
) -> Table:
    return Table(name, row, "risk team", (key,), "happened", "known", (*columns, *TIMES), rules, LONG_AGO, versioned)


CARDS = _table(
    "cards", "one card", "card", (Column("card", "string", "card"), Column("country", "string", "issued in")), True
)
SHOPS = _table(
    "shops",
    "one shop",
    "shop",
    (
        Column("shop", "string", "shop"),
        Column("sector", "string", "what it sells"),
        Column("opened", "timestamp", "since when"),
    ),
    True,
)
PAYMENTS = _table(
    "payments",
    "one payment",
    "payment",
    (
        Column("payment", "string", "id"),
        Column("queue", "string", "payments reviewed together"),
        Column("card", "string", "paid with", refers_to="cards"),
        Column("shop", "string", "paid to", refers_to="shops"),
        Column("amount", "float64", "amount", "euro", low=0, logged=True),
    ),
    rules=(Rule("not_huge", "amount < 100000", "no card allows more"),),
)
DISPUTES = _table(
    "disputes",
    "one complaint about a payment",
    "dispute",
    (
        Column("dispute", "string", "id"),
        Column("payment", "string", "the payment", refers_to="payments"),
        Column("card", "string", "paid with"),
        Column("shop", "string", "paid to"),
        Column("kind", "string", "what is said", one_of=("fraud", "quality")),
    ),
)

FEATURES = FeatureSet(
    name="fraud",
    version=1,
    owner="risk team",
    entities={"card": "a card", "shop": "a shop", "sector": "what shops sell"},
    lookups=(Lookup("shops", "shop", {"sector": "sector"}), Lookup("cards", "card", {"country": "country"})),
    signals=(
        Signal("paid", "payments", "a payment was made"),
        Signal("spent", "payments", "euros spent", weight="amount"),
        Signal("disputed", "disputes", "a payment was called fraud", "kind = 'fraud'"),
    ),
    counter_views=(
        CounterView(
            "by_card", ("card",), {"paid": ("1h", "7d"), "spent": ("7d",), "disputed": ("7d",)}, "how a card is used"
        ),
        CounterView("by_shop", ("shop",), {"paid": ("7d",), "disputed": ("7d",)}, "how often a shop is complained of"),
        CounterView("by_card_sector", ("card", "sector"), {"paid": ("7d",)}, "where a card is used"),
    ),
    profile_views=(
        ProfileView(
            "shop_profile",
            "shops",
            ("shop",),
            {"opened": ("Int64", "unix_seconds(opened)"), "sector": ("String", "sector")},
            "what a shop is",
        ),
    ),
    features=(
        Count("payments_1h", "by_card.paid_1h"),
        Count("payments_7d", "by_card.paid_7d"),
        Rate("usual_amount", "by_card.spent_7d", "by_card.paid_7d", 50.0, RATE_STRENGTH),
        Rate("shop_disputes", "by_shop.disputed_7d", "by_shop.paid_7d", 0.05, RATE_STRENGTH),
        Count("sector_payments", "by_card_sector.paid_7d"),
        Age("shop_age", "shop_profile.opened"),
        Context("amount", neutral=50.0),
    ),
)

TASK = Task(
    name="fraud",
    decisions="payments",
    outcomes_in="disputes",
    match=("payment",),
    exact=(),
    outcomes=(Outcome("is_fraud", "kind = 'fraud'", "it was called fraud", gain=1, window=timedelta(hours=1)),),
    target="is_fraud",
    unit="queue",
    cluster="card",
    item="shop",
    attribute="sector",
    contenders=(
        ByColumn("popularity", "shop_disputes", probability=True),
        ByColumn("recency", "shop_age", descending=False),
        Linear(),
        Boosted(params={"eta": 0.2, "max_depth": 4}, max_trees=60),
    ),
    fallback_lists=FallbackLists(
        item="shop", profile="shop_profile", group="sector", fresh_by="opened", attributes=("opened",)
    ),
    embedding=Embedding("shop_profile", ("sector",), "by_card_sector.paid_7d", rank=8, rounds=4),
    slices=(SliceDefinition("sector", "sector"),),
)

FRAUD = System(
    name="fraud",
    tables=(CARDS, SHOPS, PAYMENTS, DISPUTES),
    features=FEATURES,
    task=TASK,
    limits=GateLimits(
        baselines=("popularity", "recency"),
        min_units=40,
        min_slice_units=10,
        max_share_of_perfect=0.8,  # what people choose is noisier than which payments to a shady shop are fraud
    ),
)


def deliver(landing: Path, payments: int = 4_000, seed: int = 3) -> None:
    """Write five days in which shady shops overcharge, and are complained about within the hour."""
    for name, day, rows in _events(payments, np.random.default_rng(seed)):
        folder = landing / name
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, folder / f"{day:%Y-%m-%d}.parquet")


def _events(count: int, rng: np.random.Generator) -> Iterator[tuple[str, datetime, pa.Table]]:
    shops = pa.array([f"s{i}" for i in range(60)])
    shady = rng.random(60) < 0.3
    sectors = rng.choice(["food", "travel", "games"], 60)
    opened = [
        START - timedelta(days=int(d)) for d in np.where(shady, rng.integers(1, 60, 60), rng.integers(30, 900, 60))
    ]
    yield "cards", START, _rows(CARDS, card=[f"c{i}" for i in range(300)], country=["de"] * 300, at=np.zeros(300))
    yield "shops", START, _rows(SHOPS, shop=shops, sector=sectors, opened=opened, at=np.zeros(60))
    at = np.sort(rng.uniform(600, DAYS * 86_400 - 7_200, count))
    shop, card = rng.integers(0, 60, count), rng.integers(0, 300, count)
    amount = np.round(rng.lognormal(3.5, 1, count), 2)
    fraud = rng.random(count) < np.where(shady[shop] & (amount > 40), 0.7, 0.03)
    ids = np.array([f"p{i}" for i in range(count)])
    payments = {
        "payment": ids,
        "queue": [f"q{i // 10}" for i in range(count)],
        "card": [f"c{i}" for i in card],
        "shop": shops.take(pa.array(shop)),
        "amount": amount,
    }
    for day in range(DAYS):
        today = (at // 86_400 == day).nonzero()[0]
        chosen = {name: pa.array(values).take(pa.array(today)) for name, values in payments.items()}
        yield "payments", START + timedelta(days=day), _rows(PAYMENTS, **chosen, at=at[today])
        bad = today[fraud[today]]
        columns = {name: pa.array(payments[name]).take(pa.array(bad)) for name in ("payment", "card", "shop")}
        disputes = _rows(
            DISPUTES, dispute=[f"d{i}" for i in bad], **columns, kind=["fraud"] * len(bad), at=at[bad] + 1_200
        )
        yield "disputes", START + timedelta(days=day), disputes


def _rows(table: Table, at: "np.ndarray[tuple[int], np.dtype[np.float64]]", **columns: object) -> pa.Table:
    times = pa.array([START + timedelta(seconds=float(s)) for s in at], pa.timestamp("us", tz="UTC"))
    return pa.table({**columns, "happened": times, "known": times}, schema=table.schema)
