"""A service of made-up payments: 40 features of a card and a terminal, 300 trees of depth 6."""

from feature_repo.definition import CounterView, FeatureSet, ProfileView, Signal
from feature_repo.request_time import Age, Code, Context, Count, Feature, Hour, Number, Rate, Recent
from serving.case_policy import Decide, From, Queue, ServedCases
from serving.rules import Above, Rule
from validation.contract import Column, Table

NAME = "bench_cases"
TIMES = (Column("event_time", "timestamp", "when it happened"), Column("received_at", "timestamp", "when we knew"))


def _table(name: str, *columns: Column) -> Table:
    return Table(name, "a row", "bench", (columns[0].name,), "event_time", "received_at", (*columns, *TIMES))


PAYMENTS = _table(
    "payments",
    Column("payment_id", "string", "id"),
    Column("card_id", "string", "paid with"),
    Column("terminal_id", "string", "paid to"),
    Column("amount", "float64", "amount", low=0, logged=True),
    Column("channel", "string", "how", one_of=("chip", "online"), logged=True),
    Column("action", "string", "what was decided", one_of=("allow", "review", "block")),
    Column("by_lot", "bool", "by lot"),
    Column("propensity", "float32", "of the action", nullable=True),
    Column("score", "float32", "score", nullable=True),
    Column("threshold", "float32", "from where", nullable=True),
    Column("reasons", "strings", "why"),
    Column("release", "string", "release", nullable=True),
    Column("served_by", "string", "rung", nullable=True),
    Column("served_features", "floats", "as served", nullable=True),
)
REVIEWS = _table(
    "reviews",
    Column("review_id", "string", "id"),
    Column("payment_id", "string", "the payment"),
    Column("verdict", "string", "what was found", one_of=("fraud", "genuine")),
    Column("by_lot", "bool", "by lot"),
)
LIVES = ("1h", "1d", "7d", "30d")
VIEWS = {"card": ("card_id",), "terminal": ("terminal_id",), "pair": ("card_id", "terminal_id")}
SIGNALS = {"paid": "a payment", "spent": "what was paid", "disputed": "a dispute"}
ALL_FEATURES: tuple[Feature, ...] = (
    Context("amount", neutral=0.0),
    Code("channel", ("chip", "online")),
    Hour("hour"),
    Age("terminal_age", "terminal_profile.opened_at"),
    Number("terminal_size", "terminal_profile.size"),
    Recent("card_60s", of="payments", by="card_id", within_s=60),
    Recent("terminal_60s", of="payments", by="terminal_id", within_s=60),
    *(Count(f"{view}_{signal}_{life}", f"{view}.{signal}_{life}") for view in VIEWS for signal in ("paid", "spent")
      for life in LIVES),
    *(Rate(f"{view}_disputes_{life}", f"{view}.disputed_{life}", f"{view}.paid_{life}", 0.01, 5.0) for view in VIEWS
      for life in LIVES[1:]),
)  # fmt: skip
FEATURES = FeatureSet(
    name=NAME,
    version=1,
    owner="bench",
    entities={"card_id": "a card", "terminal_id": "a terminal"},
    lookups=(),
    signals=tuple(Signal(name, "payments", meaning) for name, meaning in SIGNALS.items()),
    counter_views=tuple(CounterView(name, keys, dict.fromkeys(SIGNALS, LIVES), name) for name, keys in VIEWS.items()),
    profile_views=(
        ProfileView(
            "terminal_profile",
            "terminals",
            ("terminal_id",),
            {"opened_at": ("Int64", "unix_seconds(opened_at)"), "size": ("Float32", "size")},
            "what a terminal is",
        ),
    ),
    features=ALL_FEATURES,
)
POLICY = Decide(
    name=NAME,
    actions=("allow", "review", "block"),
    first=(Rule("large", (Above("amount", 400.0),), then="review"),),
    steps=(From("review", times=1.0), From("block", at=10.0)),
    queue=Queue(a_day=100, overflow="block", amount="amount"),
)
SERVED = ServedCases(POLICY, FEATURES, PAYMENTS, (REVIEWS,))
