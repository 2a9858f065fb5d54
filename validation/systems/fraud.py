"""The six tables of payment fraud: who pays, where, from what, each payment with its decision, what became of it."""

from datetime import timedelta

from validation.contract import Column, Rule, Table
from validation.definition import BatchLimits, Cap, GateLimits

NAME, CARD, PAYMENT = "fraud", "card_id", "payment_id"
ACTIONS = ("allow", "step_up", "review", "block")
CHANNELS = ("chip", "contactless", "online")
SECTORS = ("food", "travel", "games", "electronics", "clothes", "services")
DEVICES = ("phone", "desktop", "unknown")
VERDICTS = ("fraud", "genuine")
REASONS = ("fraud", "quality", "not_received")
DESCRIBED = BatchLimits(max_null=1.0, fresh_within=timedelta(days=3650))

TIMES = (
    Column("event_time", "timestamp", "when it happened, or became true"),
    Column("received_at", "timestamp", "when we received it"),
)
RECEIVED_AFTER_EVENT = Rule(
    "received_after_event", "received_at >= event_time", "nothing is known before it happens: a clock is wrong"
)


PAID_WITH = (  # said again of a payment in what follows it, so that risk is counted without looking the payment up
    Column("card_id", "string", "the payment's card", refers_to="cards", nullable=True),
    Column("terminal_id", "string", "the payment's terminal", refers_to="terminals", nullable=True),
    Column("device_id", "string", "the payment's device", refers_to="devices", nullable=True),
)


def _table(name: str, row: str, columns: tuple[Column, ...], limits: BatchLimits, *, versioned: bool = False) -> Table:
    """A table whose rows are about the holder of a card, where it names one."""
    key, times, rules = (columns[0].name,), ("event_time", "received_at"), (RECEIVED_AFTER_EVENT,)
    person = CARD if any(column.name == CARD for column in columns) else None
    return Table(name, row, "risk team", key, *times, (*columns, *TIMES), rules, limits, versioned, person=person)


CARDS = _table(
    "cards",
    "one card as described at event_time",
    (
        Column("card_id", "string", "pseudonym of the card"),
        Column("zone", "string", "where its holder lives", nullable=True),
        Column("issued_at", "timestamp", "since when it is valid", nullable=True),
    ),
    DESCRIBED,
    versioned=True,
)
TERMINALS = _table(
    "terminals",
    "one terminal or web shop as described at event_time",
    (
        Column("terminal_id", "string", "id of the terminal"),
        Column("sector", "string", "what is sold there; never changes", one_of=SECTORS, nullable=True),
        Column("zone", "string", "where it stands; never changes", nullable=True),
        Column("opened_at", "timestamp", "since when it takes payments", nullable=True),
    ),
    DESCRIBED,
    versioned=True,
)
DEVICES_SEEN = _table(
    "devices",
    "one device from which cards are paid online",
    (
        Column("device_id", "string", "pseudonym of the device"),
        Column("kind", "string", "what it is", one_of=DEVICES),
        Column("seen_at", "timestamp", "when it was first seen"),
    ),
    DESCRIBED,
    versioned=True,
)
PAYMENTS = _table(
    "payments",
    "one payment that was asked for, with what was decided",
    (
        Column("payment_id", "string", "id of the payment"),
        Column("card_id", "string", "paid with", refers_to="cards"),
        Column("terminal_id", "string", "paid to", refers_to="terminals"),
        Column("device_id", "string", "paid from; null at a terminal", refers_to="devices", nullable=True),
        Column("amount", "float64", "amount", "euro", 0, 1_000_000, logged=True),
        Column("channel", "string", "how it was paid", one_of=CHANNELS, nullable=True, logged=True),
        Column("action", "string", "what was decided", one_of=ACTIONS),
        Column("completed", "bool", "whether the money moved; null: not known when it was decided", nullable=True),
        Column("by_lot", "bool", "whether it was sent to review by lot, whatever its score"),
        Column("propensity", "float32", "probability of this action", None, 0, 1, nullable=True),
        Column("score", "float32", "score that the release gave it; null: none did", nullable=True),
        Column("threshold", "float32", "score from which it would not have been allowed", nullable=True),
        Column("reasons", "strings", "the rules and features that counted most"),
        Column("release", "string", "version of the release that scored it; null when none did", nullable=True),
        Column("served_by", "string", "rung of the ladder that decided", nullable=True),
        Column("variant", "string", "the variant that the payment was drawn for", nullable=True),
        Column("served_features", "floats", "features as served, in the order of the release", nullable=True),
    ),
    BatchLimits(max_null=1.0),
)
DISPUTES = _table(
    "disputes",
    "one complaint of a card holder about a payment",
    (
        Column("dispute_id", "string", "id of the dispute"),
        Column("payment_id", "string", "the payment", refers_to="payments"),
        *PAID_WITH,
        Column("reason", "string", "what is said of it", one_of=REASONS),
    ),
    BatchLimits(max_null=1.0),
)
REVIEWS = _table(
    "reviews",
    "one verdict of a reviewer on a payment",
    (
        Column("review_id", "string", "id of the review"),
        Column("payment_id", "string", "the payment", refers_to="payments"),
        *PAID_WITH,
        Column("verdict", "string", "what the reviewer found", one_of=VERDICTS),
        Column("by_lot", "bool", "whether the payment came to review by lot"),
    ),
    BatchLimits(max_null=1.0),
)

TABLES = (CARDS, TERMINALS, DEVICES_SEEN, PAYMENTS, DISPUTES, REVIEWS)

LIMITS = GateLimits(  # merit is net benefit, in euros a payment
    baselines=("rules",),
    min_positive=0.0005,
    max_feature_auc=0.95,  # of payments online nearly all theft is from devices that are new to the bank
    max_null_auc=0.9,  # a payment at a terminal has no device, and most theft is online
    max_share_of_perfect=0.9,  # thieves who are known by their ways are nearly all found
    caps=(Cap("false_positive_rate", at_most=0.02),),
    champion_margin=0.05,
    max_undecided=0.3,
    slice_margin=0.3,
    max_step=0.3,
)
