"""The gates a release has to pass: evidence and limits in, findings out. Without its evidence a gate refuses."""

import math
from collections.abc import Iterator, Sequence
from datetime import date

from validation.definition import GateLimits
from validation.gates import baselines
from validation.gates.caps import caps_gate
from validation.gates.champion import champion_gate, stands_best
from validation.gates.comparison import difference
from validation.gates.encodings import encoding_gate
from validation.gates.evidence import DataFacts, GateEvidence
from validation.gates.exposure import exposure_gate
from validation.gates.leaks import leakage_gate
from validation.gates.lifts import lift_gate
from validation.gates.nulls import nulls_gate
from validation.gates.perturbation import perturbation_gate
from validation.gates.plausible import plausible_gate
from validation.gates.repeats import repeats_gate
from validation.gates.served import served_gate
from validation.gates.slices import slice_gate
from validation.verdict import GateFinding, Verdict, closed, gates_of


def judge_evidence(evidence: GateEvidence, limits: GateLimits) -> Verdict:
    """The verdict of all gates on one candidate."""
    gates = [data_gate, leakage_gate, nulls_gate, repeats_gate, encoding_gate, lift_gate, plausible_gate, served_gate]
    gates += [baseline_gate, champion_gate, slice_gate, calibration_gate, signature_gate]
    if "caps" in gates_of(evidence.objective) or limits.caps:
        gates.append(caps_gate)
    if limits.max_latency_ms is not None:
        gates.append(latency_gate)
    if limits.min_exposure is not None:
        gates.append(exposure_gate)
    if limits.min_perturbed:
        gates.append(perturbation_gate)
    findings = tuple(gate(evidence, limits) for gate in gates)
    return Verdict(findings, evidence.subject, stands_best(evidence, limits), evidence.objective)


def data_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a training set that is too small or too one-sided, or of whose batches too much was refused."""
    facts = evidence.data
    if facts is None:
        return closed("data", "no facts about the training set were given; build it again (`flywheel run train`)")
    for measured, limit, holds, reason in _data_rules(facts, limits):
        if not holds:
            return GateFinding("data", False, measured, limit, reason)
    if facts.failures:
        return GateFinding("data", False, len(facts.failures), 0, "; ".join(facts.failures))
    size = f"{facts.rows:,} rows in {facts.units:,} units, {facts.positive_share:.1%} positive"
    return GateFinding("data", True, facts.rows, limits.min_rows, size)


def _data_rules(facts: DataFacts, limits: GateLimits) -> Iterator[tuple[float, float, bool, str]]:
    """Measured, limit, whether the rule holds (for a NaN it does not) and the reason for when it does not."""
    more, mend = "ingest more days, or wait for label windows to close", _mending(facts.waiting_since)
    rows, units, positive = facts.rows, facts.units, facts.positive_share
    refused, quarantined = facts.refused_batches, facts.quarantined_share
    yield rows, limits.min_rows, rows >= limits.min_rows, f"{rows:,} rows, {limits.min_rows:,} are asked; {more}"
    yield (
        units,
        limits.min_units,
        units >= limits.min_units,
        f"{units:,} units, {limits.min_units:,} asked; {more}",
    )
    least, most = limits.min_positive, limits.max_positive
    share = f"{positive:.3%} of rows are positive, {least:.3%} to {most:.3%} is asked; look at how the label is defined"
    yield positive, least, positive >= least, share
    yield positive, most, positive <= most, share
    batches = f"{refused} batches of the training window were refused, {limits.max_refused_batches} may be; {mend}"
    yield refused, limits.max_refused_batches, refused <= limits.max_refused_batches, batches
    limit = limits.max_quarantined_of_days
    waiting = f"{quarantined:.1%} of received rows wait in quarantine (limit {limit:.1%}); {mend}"
    yield quarantined, limit, quarantined <= limit, waiting


def _mending(since: Sequence[date]) -> str:
    """The next step for waiting rows, with the first of the days on which they arrived."""
    day = since[0] if since else "DAY"
    more = f" (and of {len(since) - 1} later days)" if len(since) > 1 else ""
    return (
        f"mend and replay those of {day}{more} (`flywheel ingest --replay {day}`), deliver the right rows under the "
        f"same keys, or give them up (`flywheel ingest --discard {day} --why …`)"
    )


def baseline_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a ranker that is not clearly better than every baseline, and a baseline that something clearly beats."""
    if evidence.candidate in limits.must_beat:
        return baselines.unbeaten(evidence, limits)
    passed_lifts = []
    for name in limits.must_beat:
        lift = difference(evidence, evidence.candidate, name, limits)
        if isinstance(lift, str):
            return closed("baseline", f"{lift}, or release {name}")
        reason = f"{evidence.merit} against {name}: {lift} over {lift.groups:,} units"
        if not lift.low > limits.min_lift:
            too_low = f"{lift} over {lift.groups:,} units, all of it has to lie above {limits.min_lift:g}"
            reason = f"{name} is not clearly beaten ({too_low}): {baselines.MORE}, or release {name} itself"
            return GateFinding("baseline", False, lift.low, limits.min_lift, reason)
        passed_lifts.append((lift.low, reason))
    if not passed_lifts:
        return closed("baseline", "no baseline is named; name one in the gate limits")
    lowest, reason = min(passed_lifts)
    return GateFinding("baseline", True, lowest, limits.min_lift, reason)


def calibration_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a ranker whose predicted shares are off by too much; one that predicts none, only an order, passes."""
    if evidence.candidate in limits.must_beat:
        return baselines.uncalibrated(evidence, limits)
    error, limit = evidence.calibration_error, limits.max_calibration_error
    if not evidence.calibrated:
        reason = f"not asked of {evidence.objective}: it predicts nothing that could be off"
        return GateFinding("calibration", True, None, limit, reason)
    if not evidence.probabilistic and error is None:
        return GateFinding("calibration", True, None, limit, f"{evidence.candidate} gives an order, no probabilities")
    if error is None or not math.isfinite(error):
        return closed("calibration", "no calibration error was measured; measure it on the judge rows")
    off = f"predicted and seen shares differ by {error:.3f} on average"
    if error <= limit:
        return GateFinding("calibration", True, error, limit, off)
    return GateFinding("calibration", False, error, limit, f"{off} (limit {limit:g}); calibrate on the tune rows")


def latency_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a release that scores a request too slowly, where a limit is set."""
    measured, limit = evidence.latency_ms, limits.max_latency_ms
    if limit is None or measured is None or not math.isfinite(measured):
        return closed("latency", "scoring one request was not timed; `flywheel run train` times it")
    duration = f"scoring a request takes {measured:.3g} ms"
    if measured <= limit:
        return GateFinding("latency", True, measured, limit, duration)
    mend = baselines.SLOW if evidence.candidate in limits.must_beat else "use fewer trees or features"
    return GateFinding("latency", False, measured, limit, f"{duration} (limit {limit:g} ms); {mend}")


def signature_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a model whose features are not, in order, those of this checkout, or whose recipe has another digest."""
    defined, model_features = list(evidence.features), list(evidence.model_features or ())
    checkout_digest, release_digest = evidence.features_digest, evidence.model_digest
    retrain = "retrain (`flywheel run train`)"
    if not (defined and model_features and checkout_digest and release_digest):
        return closed("signature", "the model's features and both recipes' digests are needed; build the release again")
    if model_features != defined:
        absent = f"absent: {', '.join(f for f in defined if f not in model_features) or 'none'}"
        additional = f"extra: {', '.join(f for f in model_features if f not in defined) or 'none'}"
        counts = f"the model reads {len(model_features)} features, this checkout defines {len(defined)}"
        reason = f"{counts}, and name or order differ ({absent}; {additional}); {retrain}"
        return GateFinding("signature", False, len(model_features), len(defined), reason)
    if checkout_digest != release_digest:
        digests = f"the release's recipe has digest {release_digest[:12]}, this checkout's {checkout_digest[:12]}"
        return GateFinding("signature", False, None, None, f"{digests}; {retrain}")
    reason = f"{len(model_features)} features, recipe {checkout_digest[:12]}"
    return GateFinding("signature", True, len(model_features), len(defined), reason)
