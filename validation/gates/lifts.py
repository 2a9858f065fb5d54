"""The gate that asks what each column, and each group of columns, is worth, and whether it was worth that before.

What is known of a user, an item or a pair changes little from one row to the next. So nearly all that an honest column
is worth to a model, its value at the row before of the same user or item is worth, too. A column that was filled in
with the outcome of its own row is worth nothing there. What only the request knows is not asked: it is new each time.
"""

from collections.abc import Iterator

import numpy as np

from infra.arrays import Reals
from infra.statistics import Interval, interval
from validation.definition import GateLimits
from validation.gates.comparison import SEED
from validation.gates.evidence import GateEvidence
from validation.gates.leak_evidence import ColumnWorth
from validation.verdict import GateFinding, closed

GATE = "lift"


def lift_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a model that gains clearly by a column most of whose worth is new at each row, by every key."""
    worths = evidence.worths
    if worths is None:
        return closed(GATE, "nobody measured what each column is worth to the model; score it without each of them")
    judged = [finding for name in dict.fromkeys(w.name for w in worths) for finding in _judged(name, evidence, limits)]
    if not judged:
        reason = "no column that is about a user or an item is worth anything to the model"
        return GateFinding(GATE, True, None, limits.max_new_share, reason)
    refused = [finding for finding in judged if not finding.passed]
    return max(refused or judged, key=lambda finding: finding.measured or 0.0)


def _judged(name: str, evidence: GateEvidence, limits: GateLimits) -> Iterator[GateFinding]:
    """The finding on one column or group, if it is worth enough to matter and rows before are known."""
    on_all_rows, *by_key = [each for each in evidence.worths or () if each.name == name]
    worth = _interval(on_all_rows.worth, evidence, limits)
    measurable = {each.key: each for each in by_key if np.nanmean(each.worth) >= limits.champion_margin}
    if not worth.mean >= limits.champion_margin or not measurable:
        return
    shares = {key: float(np.nanmean(_new(each)) / np.nanmean(each.worth)) for key, each in measurable.items()}
    key = min(shares, key=lambda each: shares[each])
    most = limits.max_new_share
    surely = any(_interval(_new(e) - most * e.worth, evidence, limits).low > 0 for e in measurable.values())
    sentence = (
        f"`{name}` is worth {worth} {evidence.merit} to the model, and {shares[key]:.0%} of it is new since the last "
        f"row before of the same {key} (limit {most:.0%})"
    )
    if shares[key] > most and surely:
        reason = f"{sentence}: it tells of this row alone, as outcomes do; look at how it is computed, or drop it"
        yield GateFinding(GATE, False, shares[key], most, reason)
    else:
        yield GateFinding(GATE, True, shares[key], most, sentence)


def _new(worth: ColumnWorth) -> Reals:
    assert worth.new is not None, "every worth by a key has it"
    return worth.new


def _interval(values: Reals, evidence: GateEvidence, limits: GateLimits) -> Interval:
    """An interval so wide that all the columns together are refused no more often than one would be."""
    asked = sum(each.new is not None for each in evidence.worths or ())
    confidence = 1 - (1 - limits.confidence) / max(asked, 1)
    return interval(values, SEED, evidence.clusters, limits.draws, confidence)
