"""Fraud's features: how fast a card, a terminal and a device pay, how far from usual, what risk is known of them."""

from feature_repo.definition import CounterView, FeatureSet, ProfileView, Signal
from feature_repo.request_time import Against, Age, Code, Context, Count, Feature, Hour, Match, Rate, Recent, Weekday
from validation.systems.fraud import CHANNELS, NAME

FRAUD_SHARE, USUAL_EURO = 0.01, 30.0  # what a rate is taken for before anything was counted
WEEKS = ("1d", "7d", "30d")

SIGNALS = (
    Signal("paid", "payments", "a payment was asked for"),
    Signal("spent", "payments", "euros asked for", weight="amount"),
    Signal("online", "payments", "a payment online was asked for", "channel = 'online'"),
    Signal("disputed", "disputes", "a payment was called fraud by its card's holder", "reason = 'fraud'"),
    Signal("caught", "reviews", "a reviewer found fraud", "verdict = 'fraud'"),
    Signal("cleared", "reviews", "a reviewer found none", "verdict = 'genuine'"),
)

COUNTER_VIEWS = (
    CounterView(
        "card",
        ("card_id",),
        {
            "paid": ("10m", "6h", *WEEKS),
            "spent": ("6h", *WEEKS),
            "online": ("30d",),
            "disputed": ("30d",),
            "caught": ("30d",),
            "cleared": ("30d",),
        },
        "how a card is used, and what was found of it",
    ),
    CounterView(
        "terminal",
        ("terminal_id",),
        {"paid": ("6h", *WEEKS), "spent": ("30d",), "disputed": ("2d", "7d", "30d"), "caught": ("7d", "30d")},
        "how a terminal is used, and what was found of it",
    ),
    CounterView(
        "device",
        ("device_id",),
        {"paid": ("10m", "1d", "30d"), "spent": ("1d",), "disputed": ("30d",), "caught": ("30d",)},
        "how a device is used, and what was found of it",
    ),
    CounterView("card_terminal", ("card_id", "terminal_id"), {"paid": ("30d",)}, "whether a card pays there"),
    CounterView("card_device", ("card_id", "device_id"), {"paid": ("30d",)}, "whether a card pays from there"),
)

PROFILE_VIEWS = (
    ProfileView(
        "card_profile",
        "cards",
        ("card_id",),
        {"zone": ("String", "zone"), "issued_at": ("Int64", "unix_seconds(issued_at)")},
        "whose card it is",
    ),
    ProfileView(
        "terminal_profile",
        "terminals",
        ("terminal_id",),
        {"zone": ("String", "zone"), "opened_at": ("Int64", "unix_seconds(opened_at)")},
        "what a terminal is",
    ),
    ProfileView(
        "device_profile", "devices", ("device_id",), {"seen_at": ("Int64", "unix_seconds(seen_at)")}, "what a device is"
    ),
)


def _counts(view: str, signal: str, labels: tuple[str, ...]) -> tuple[Feature, ...]:
    return tuple(Count(f"{view}_{signal}_{label}", f"{view}.{signal}_{label}") for label in labels)


def _risks(view: str, signal: str, labels: tuple[str, ...]) -> tuple[Feature, ...]:
    """The share of payments of which fraud is known so far: what nobody has complained of yet counts as none."""
    return tuple(
        Rate(f"{view}_{signal}_rate_{label}", f"{view}.{signal}_{label}", f"{view}.paid_{label}", FRAUD_SHARE, 5.0)
        for label in labels
    )


FEATURES: tuple[Feature, ...] = (
    Context("amount", neutral=USUAL_EURO),
    Code("channel", CHANNELS),
    Recent("card_paid_60s", "payments", "card_id", 60),
    Recent("card_spent_60s", "payments", "card_id", 60, amount="amount"),
    Recent("device_paid_60s", "payments", "device_id", 60),
    Recent("terminal_paid_60s", "payments", "terminal_id", 60),
    Hour("hour"),
    Weekday("weekday"),
    *_counts("card", "paid", ("10m", "6h", *WEEKS)),
    *(Rate(f"card_usual_{t}", f"card.spent_{t}", f"card.paid_{t}", USUAL_EURO, 1.0) for t in ("6h", *WEEKS)),
    *(Against(f"amount_against_{t}", "amount", f"card.spent_{t}", f"card.paid_{t}", USUAL_EURO, 1.0) for t in WEEKS),
    Rate("card_online_rate", "card.online_30d", "card.paid_30d", 0.2, 5.0),
    *_counts("card", "disputed", ("30d",)),
    *_counts("card", "caught", ("30d",)),
    *_counts("card", "cleared", ("30d",)),
    *_counts("terminal", "paid", ("6h", *WEEKS)),
    Rate("terminal_usual_30d", "terminal.spent_30d", "terminal.paid_30d", USUAL_EURO, 1.0),
    Against("amount_against_terminal", "amount", "terminal.spent_30d", "terminal.paid_30d", USUAL_EURO, 1.0),
    *_counts("terminal", "disputed", ("2d", "7d", "30d")),
    *_risks("terminal", "disputed", ("7d", "30d")),
    *_risks("terminal", "caught", ("7d", "30d")),
    *_counts("device", "paid", ("10m", "1d", "30d")),
    *_counts("device", "disputed", ("30d",)),
    *_counts("device", "caught", ("30d",)),
    Count("card_at_terminal", "card_terminal.paid_30d"),
    Count("card_from_device", "card_device.paid_30d"),
    Age("card_age", "card_profile.issued_at"),
    Age("terminal_age", "terminal_profile.opened_at"),
    Age("device_age", "device_profile.seen_at"),
    Match("home_zone", "card_profile.zone", "terminal_profile.zone"),
)

FRAUD_FEATURES = FeatureSet(
    name=NAME,
    version=1,
    owner="risk team",
    entities={"card_id": "a card, by pseudonym", "terminal_id": "a terminal or shop", "device_id": "a device"},
    lookups=(),
    signals=SIGNALS,
    counter_views=COUNTER_VIEWS,
    profile_views=PROFILE_VIEWS,
    features=FEATURES,
    never_read=tuple(  # what was decided, and what came of it, is known after the moment of the features
        f"payments.{name}" for name in ("action", "completed", "by_lot", "propensity", "score", "threshold")
    ),
)
