"""Which columns are held against the row before of the same key: what lasts, and not what each request says anew."""

import numpy as np

from feature_repo.definition import CounterView, FeatureSet, Signal
from feature_repo.request_time import Against, Context, Count
from training.judging.leak_evidence import about, column_sets
from training.rows.dataset import dataset_of
from validation.gates import Lineage

FEATURES = FeatureSet(
    name="bank", version=1, owner="tests", entities={"card": "a card"}, lookups=(), profile_views=(),
    signals=(Signal("paid", "payments", "paid"), Signal("spent", "payments", "spent", weight="amount")),
    counter_views=(CounterView("card", ("card",), {"paid": ("7d",), "spent": ("7d",)}, "how a card is used"),),
    features=(
        Count("payments", "card.paid_7d"), Count("euros", "card.spent_7d"),
        Against("against_usual", "amount", "card.spent_7d", "card.paid_7d"), Context("amount", neutral=0.0),
    ),
)  # fmt: skip
KEYS = {"card": np.zeros(3, dtype=int), "shop": np.zeros(3, dtype=int)}


def test_a_counter_lasts_by_its_key_and_an_amount_against_it_is_new_with_each_request() -> None:
    assert about(["payments"], FEATURES, KEYS) == ["card"]
    assert about(["against_usual"], FEATURES, KEYS) == []
    assert about(["amount"], FEATURES, KEYS) == []
    assert about(["filled_in_later"], FEATURES, KEYS) == ["card", "shop"], "of what nobody defined any key is asked"


def test_what_the_request_says_does_not_hide_the_columns_of_its_source() -> None:
    import pandas as pd

    names = tuple(feature.name for feature in FEATURES.features)
    frame = pd.DataFrame({"event_timestamp": pd.to_datetime(["2026-05-01"] * 3, utc=True)})
    lines = tuple(Lineage(name, "card", 0.0) for name in names[:3])
    sets = column_sets(dataset_of(frame, np.zeros((3, 4), dtype=np.float32), names, lines, {}), FEATURES)
    assert sets["all of card"] == ["payments", "euros"]
    assert about(sets["all of card"], FEATURES, KEYS) == ["card"]
