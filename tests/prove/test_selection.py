"""The section on labels that decisions choose, on few banks: what it claims holds there, too."""

from dataclasses import replace

import numpy as np

from tests.prove.bank import Bank, payments
from tests.prove.selection import CAPPED, REVIEWED, by_lot, learned

SMALL = Bank(days=30, payments_a_day=1_500)


def test_by_lot_recall_holds_the_truth_and_labels_without_a_lot_do_not() -> None:
    lot = by_lot(SMALL, seeds=12)
    assert lot.held >= 0.9
    assert lot.without > lot.truth + 0.05, "disputes are late: what was missed is not known yet"
    wrong = by_lot(replace(SMALL, right=(0.97, 1.0)), seeds=12)
    assert wrong.held < 0.5, "false alarms among what the lot drew are not seen by any interval"


def test_what_reviewers_chose_to_see_teaches_less() -> None:
    models = learned(Bank(payments_a_day=3_000))
    assert models[CAPPED].net_benefit > models[REVIEWED].net_benefit
    assert models[REVIEWED].by_reviewed > models[REVIEWED].precision + 0.2, "its own rows flatter it"


def test_a_payment_by_lot_weighs_until_its_time_for_disputes_is_over() -> None:
    every = payments(SMALL)
    drawn = every.only(every.by_lot)
    assert np.unique(drawn.weight(30.0)).tolist() == [50.0]
    assert set(drawn.weight(59.0)) == {1.0, 50.0}
    assert drawn.weight(60.5).max() == 1
