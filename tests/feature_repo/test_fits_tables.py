"""What features name and tables do not have is told when the definitions are put together, with the way to mend it."""

from dataclasses import replace
from typing import Any

import pytest

from feature_repo.definition import CounterView, FeatureSet, Influence, Lookup, ProfileView, Signal
from feature_repo.fits_tables import check_fit
from feature_repo.request_time import Against, Age, Code, Context, Count, Distance, Number, Plain, Recent, Since
from feature_repo.sql_words import mistaken
from infra.errors import DefinitionError
from validation.contract import Column, Table

TIMES = (Column("at", "timestamp", "when"), Column("got", "timestamp", "received"))


def table(name: str, *columns: Column) -> Table:
    """A table whose first column is its key."""
    return Table(name, "a row", "tests", (columns[0].name,), "at", "got", (*columns, *TIMES), versioned=True)


SHOPS = table(
    "shops", Column("shop_id", "string", "id"), Column("sector", "string", "what it sells"),
    Column("fee", "float32", "its price", changes=True), Column("risk_class", "string", "of today", changes=True),
)  # fmt: skip
PAYMENTS = table(
    "payments", Column("payment_id", "string", "id"), Column("card_id", "string", "card"),
    Column("shop_id", "string", "shop"), Column("amount", "float64", "euros"), Column("channel", "string", "how"),
)  # fmt: skip
DISPUTES = table("disputes", Column("dispute_id", "string", "id"), Column("card_id", "string", "card"),
                 Column("reason", "string", "why"))  # fmt: skip
TABLES = {t.name: t for t in (SHOPS, PAYMENTS, DISPUTES)}
PAID, DISPUTED = Signal("paid", "payments", "paid"), Signal("disputed", "disputes", "called fraud", "reason = 'fraud'")
CARD = CounterView("card", ("card_id",), {"paid": ("1d",), "disputed": ("30d",)}, "a card")
SHOP = ProfileView("shop", "shops", ("shop_id",), {"fee": ("Float32", "fee * 100")}, "a shop")
BANK = FeatureSet(
    "bank", 1, "tests", {"card_id": "who", "shop_id": "where"}, (Lookup("shops", "shop_id", {"sector": "sector"}),),
    (PAID, DISPUTED), (CARD,), (SHOP,),
    (
        Count("paid", "card.paid_1d"), Number("fee", "shop.fee"), Plain("amount", "amount"),
        Against("against", "amount", "shop.fee"), Age("age", "at"), Recent("paid_60s", "payments", "card_id", 60),
    ),
)  # fmt: skip


def borrowing(sql: str) -> dict[str, Any]:
    """A change by which a lookup borrows this."""
    return {"lookups": (Lookup("shops", "shop_id", {"own": sql}),)}


def test_what_is_there_fits() -> None:
    check_fit(BANK, TABLES, "payments")


@pytest.mark.parametrize(("change", "said"), [
    ({"signals": (replace(PAID, table="payment"), DISPUTED)}, "table `payment` .* Did you mean `payments`"),
    ({"signals": (replace(PAID, where="chanel = 'chip'"), DISPUTED)}, "signal paid: `where` over payments: `chanel`"),
    ({"signals": (replace(PAID, weight="least(amuont, 9)"), DISPUTED)}, "`weight`.* Did you mean `amount`"),
    ({"signals": (replace(PAID, where="reason = 'fraud'"), DISPUTED)}, "`where` over payments: `reason` is not"),
    ({"counter_views": (replace(CARD, keys=("shop_id",)),)}, "events of signal disputed: key `shop_id`"),
    ({"lookups": (Lookup("shop", "shop_id", {}),)}, "table `shop` is not defined. Did you mean `shops`"),
    ({"lookups": (Lookup("shops", "shopid", {}),)}, "lookup on shops: `shopid` is not defined. Did you mean `shop_id`"),
    (borrowing("upper(setcor)"), "lookup on shops: own: `setcor`.* Did you mean `sector`"),
    ({"profile_views": (replace(SHOP, table="shop"),)}, "profile view shop: table `shop`"),
    ({"profile_views": (replace(SHOP, keys=("card_id",)),)}, "profile view shop: key `card_id` is not defined"),
    ({"profile_views": (replace(SHOP, fields={"fee": ("Float32", "fees")}),)}, "shop: fee: `fees`.* mean `fee`"),
    ({"profile_views": (replace(SHOP, fields={"fee": ("Float23", "fee")}),)}, "`Float23` is not defined"),
    ({"features": (Plain("a", "amuont"),)}, "`amuont` is no column of payments, so no request gives it. Did you mean"),
    ({"features": (Number("a", "fee"),)}, "feature a: `fee` is no column .* It is stored as `shop.fee`: write that"),
    ({"features": (Context("position", 1.0),)}, "feature position: `position` is no column of payments"),
    ({"features": (Code("chanel", ("chip",)),)}, "Did you mean `channel`"),
    ({"features": (Plain("a", "channel"),)}, "Plain is made from int32 or .*, and `channel` is string"),
    ({"features": (Since("a", "channel"),)}, "Since is made from timestamp or .*, and `channel` is string"),
    ({"profile_views": (replace(SHOP, fields={"fee": ("String", "sector")}),)}, "a moment, and `shop.fee` is String"),
    ({"features": (Distance("a", "amount", "amount", "shop.fee", "card_id"),)}, "`card_id` is string"),
    ({"features": (Recent("a", "disputes", "card_id", 60),)}, "Recent counts rows of payments.* CounterView"),
    ({"features": (Recent("amount", "payments", "card_id", 60),)}, "the name of a column of payments"),
    ({"features": (Recent("a", "payments", "card", 60),)}, "feature a: `card` is not defined. Did you mean `card_id`"),
    ({"features": (Recent("a", "payments", "card_id", 60, "channel"),)}, "`channel` is no number"),
])  # fmt: skip
def test_what_is_not_there_is_named_with_what_is_meant(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        check_fit(replace(BANK, **change), TABLES, "payments")


@pytest.mark.parametrize("sql", ["fee", "fee / 2", "nullif(risk_class, 'none')", "concat(sector, risk_class)"])
def test_a_lookup_on_what_changes_is_refused_and_a_profile_of_it_is_not(sql: str) -> None:
    with pytest.raises(DefinitionError, match=r"which changes, and a lookup keeps the first.* ProfileView over shops"):
        check_fit(replace(BANK, **borrowing(sql)), TABLES, "payments")
    fields = {"own": ("String", sql), "fee": ("Float32", "fee")}
    check_fit(replace(BANK, profile_views=(replace(SHOP, fields=fields),)), TABLES, "payments")


def test_trust_is_read_from_the_events_of_capped_views() -> None:
    trusted, mistaken_trust = (Influence("card_id", "card_id", sql) for sql in ("amount / 9", "if(amuont > 9, 1, 0)"))
    of_paid = replace(CARD, counts={"paid": ("1d",)}, capped=True)
    capped = replace(BANK, counter_views=(of_paid,), influence=trusted)
    check_fit(capped, TABLES, "payments")
    with pytest.raises(DefinitionError, match=r"trust over payments: `amuont` .* Did you mean `amount`"):
        check_fit(replace(capped, influence=mistaken_trust), TABLES, "payments")


COLUMNS = ("action", "watch_seconds", "duration_s", "tags", "long_view", "at")


@pytest.mark.parametrize("sql", [
    "true", "1.0", "action IN ('like', 'acton')", "ACTION = 'x' AND `at` IS NOT NULL", "exists(tags, tag -> tag = 'a')",
    "coalesce(long_view, watch_seconds >= 30 OR watch_seconds >= duration_s, false)", "cast(at AS date)",
    "CASE WHEN duration_s <= 7 THEN 'to_7s' ELSE 'longer' END", "at - INTERVAL 30 MINUTES", "date_trunc('HOUR', at)",
    "extract(YEAR FROM at)", "try_divide(watch_seconds, duration_s)", "watch_seconds % 60", "tags[0] = 'a'",
])  # fmt: skip
def test_what_spark_understands_is_no_mistake(sql: str) -> None:
    assert mistaken(sql, COLUMNS) is None


@pytest.mark.parametrize(("sql", "word"), [
    ("actoin = 'like'", "actoin"), ("least(watch_secnds / duration_s, 1)", "watch_secnds"),
    ("action = 'like' AND long_veiw", "long_veiw"), ("country = 'fr'", "country"),
])  # fmt: skip
def test_a_slip_of_the_pen_and_a_column_of_another_table_are_mistakes(sql: str, word: str) -> None:
    assert mistaken(sql, COLUMNS, elsewhere=["country"]) == word
