"""The gates a release has to pass: evidence and limits in, findings out. Without evidence a gate stays closed."""

import math
from collections.abc import Iterator, Sequence
from datetime import date

from validation.definition import GateLimits
from validation.gates import baselines
from validation.gates.comparison import difference, paired
from validation.gates.evidence import DataFacts, GateEvidence
from validation.gates.leaks import leakage_gate
from validation.verdict import GateFinding, Verdict, closed


def judge_evidence(evidence: GateEvidence, limits: GateLimits) -> Verdict:
    """The verdict of all gates on one candidate."""
    gates = [data_gate, leakage_gate, baseline_gate, champion_gate, slice_gate, calibration_gate, signature_gate]
    if limits.max_latency_ms is not None:
        gates.append(latency_gate)
    return Verdict(tuple(gate(evidence, limits) for gate in gates), evidence.subject)


def data_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a training set that is too small or one-sided, or whose batches intake refused."""
    facts = evidence.data
    if facts is None:
        return closed("data", "no facts about the training set were given; build it again (`flywheel run train`)")
    for measured, limit, holds, reason in _data_rules(facts, limits):
        if not holds:
            return GateFinding("data", False, measured, limit, reason)
    if facts.failures:
        return GateFinding("data", False, len(facts.failures), 0, "; ".join(facts.failures))
    told = f"{facts.rows:,} rows in {facts.groups:,} groups, {facts.positive_share:.1%} positive"
    return GateFinding("data", True, facts.rows, limits.min_rows, told)


def _data_rules(facts: DataFacts, limits: GateLimits) -> Iterator[tuple[float, float, bool, str]]:
    """Measured, limit, whether it holds (a NaN never does) and the sentence for when it does not."""
    more, mend = "ingest more days, or wait for label windows to close", _mending(facts.waiting_since)
    rows, groups, positive = facts.rows, facts.groups, facts.positive_share
    refused, quarantined = facts.refused_batches, facts.quarantined_share
    yield rows, limits.min_rows, rows >= limits.min_rows, f"{rows:,} rows, {limits.min_rows:,} are asked; {more}"
    yield (
        groups,
        limits.min_groups,
        groups >= limits.min_groups,
        f"{groups:,} groups, {limits.min_groups:,} asked; {more}",
    )
    least, most = limits.min_positive, limits.max_positive
    wanted = (
        f"{positive:.3%} of rows are positive, {least:.3%} to {most:.3%} is asked; look at how the label is defined"
    )
    yield positive, least, positive >= least, wanted
    yield positive, most, positive <= most, wanted
    batches = f"{refused} batches of the training window were refused, {limits.max_refused_batches} may be; {mend}"
    yield refused, limits.max_refused_batches, refused <= limits.max_refused_batches, batches
    rest = f"{quarantined:.1%} of received rows wait in quarantine (limit {limits.max_quarantined_of_days:.1%}); {mend}"
    yield quarantined, limits.max_quarantined_of_days, quarantined <= limits.max_quarantined_of_days, rest


def _mending(since: Sequence[date]) -> str:
    """The next step for rows that wait, for the first of the days on which they arrived."""
    day = since[0] if since else "DAY"
    more = f" (and of {len(since) - 1} later days)" if len(since) > 1 else ""
    return (
        f"mend and replay those of {day}{more} (`flywheel ingest --replay {day}`), deliver the right rows under the "
        f"same keys, or give them up (`flywheel ingest --discard {day} --why …`)"
    )


def baseline_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a ranker that is not clearly better than every baseline, and a baseline that something clearly beats."""
    if evidence.candidate in limits.baselines:
        return baselines.unbeaten(evidence, limits)
    found = []
    for name in limits.baselines:
        lift = difference(evidence, evidence.candidate, name, limits)
        if isinstance(lift, str):
            return closed("baseline", f"{lift}, or release {name}")
        reason = f"NDCG against {name}: {lift} over {lift.groups:,} groups"
        if not lift.low > limits.min_lift:
            told = f"{lift} over {lift.groups:,} groups, all of it has to lie above {limits.min_lift:g}"
            reason = f"{name} is not clearly beaten ({told}): {baselines.MORE}, or release {name} itself"
            return GateFinding("baseline", False, lift.low, limits.min_lift, reason)
        found.append((lift.low, reason))
    if not found:
        return closed("baseline", "no baseline is named; name one in the gate limits")
    lowest, reason = min(found)
    return GateFinding("baseline", True, lowest, limits.min_lift, reason)


def champion_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a release that may be worse than the live one by more than the margin; the first has none to beat."""
    live, limit = evidence.live, -limits.champion_margin
    if live is None:
        return GateFinding("champion", True, None, limit, "no release is live yet")
    lift = difference(evidence, evidence.candidate, evidence.live_contender, limits)
    if isinstance(lift, str):
        return closed("champion", f"release {live} is live and stays; {lift}")
    reason = f"NDCG against live release {live}: {lift} over {lift.groups:,} groups"
    if lift.low > limit:
        return GateFinding("champion", True, lift.low, limit, reason)
    reason += f"; the interval has to lie above {limit:g}: keep the live release"
    return GateFinding("champion", False, lift.low, limit, reason)


def slice_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a ranker clearly, and by more than the margin, worse than the baseline in a slice large enough."""
    if evidence.candidate in limits.baselines:
        return baselines.in_slices(evidence, limits)
    limit, judged, small = -limits.slice_margin, [], []
    for part in evidence.slices:
        lift = paired(part.candidate, part.baseline, None, limits)
        if lift is None or lift.groups < limits.min_slice_groups:
            small.append(part.name)
        else:
            judged.append((lift.mean, part.name, lift))
    if not judged:
        return closed("slice", f"no slice has {limits.min_slice_groups} groups measured twice; judge on more days")
    worse = [found for found in judged if found[0] < limit and found[2].high < 0]
    mean, name, lift = min(worse or judged, key=lambda found: found[0])
    if worse:
        told = f"`{name}` is worse off than with the baseline: {lift} over {lift.groups:,} groups"
        return GateFinding("slice", False, mean, limit, f"{told}; look at its features, or give it the baseline")
    left = f"; too small to judge: {', '.join(small)}" if small else ""
    return GateFinding("slice", True, mean, limit, f"{len(judged)} slices judged, lowest `{name}` {lift}{left}")


def calibration_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a ranker whose predicted shares are off by more than the limit; a baseline's scores are an order."""
    if evidence.candidate in limits.baselines:
        return baselines.uncalibrated(evidence, limits)
    error, limit = evidence.calibration_error, limits.max_calibration_error
    if error is None or not math.isfinite(error):
        return closed("calibration", "no calibration error was measured; measure it on the judge rows")
    told = f"predicted and seen shares differ by {error:.3f} on average"
    if error <= limit:
        return GateFinding("calibration", True, error, limit, told)
    return GateFinding("calibration", False, error, limit, f"{told} (limit {limit:g}); calibrate on the tune rows")


def latency_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a release that scores a request too slowly, where a limit is set."""
    measured, limit = evidence.latency_ms, limits.max_latency_ms
    if limit is None or measured is None or not math.isfinite(measured):
        return closed("latency", "scoring one request was not timed; `flywheel run train` times it")
    told = f"scoring a request takes {measured:.3g} ms"
    if measured <= limit:
        return GateFinding("latency", True, measured, limit, told)
    mend = baselines.SLOW if evidence.candidate in limits.baselines else "use fewer trees or features"
    return GateFinding("latency", False, measured, limit, f"{told} (limit {limit:g} ms); {mend}")


def signature_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a model whose features are not, in order, those of this checkout, or whose recipe has another digest."""
    wanted, has = list(evidence.features), list(evidence.model_features or ())
    ours, theirs, retrain = evidence.features_digest, evidence.model_digest, "retrain (`flywheel run train`)"
    if not (wanted and has and ours and theirs):
        return closed("signature", "the model's features and both recipes' digests are needed; build the release again")
    if has != wanted:
        absent = f"absent: {', '.join(f for f in wanted if f not in has) or 'none'}"
        extra = f"extra: {', '.join(f for f in has if f not in wanted) or 'none'}"
        told = f"the model reads {len(has)} features, this checkout defines {len(wanted)}, and name or order differ"
        return GateFinding("signature", False, len(has), len(wanted), f"{told} ({absent}; {extra}); {retrain}")
    if ours != theirs:
        told = f"the release's recipe has digest {theirs[:12]}, this checkout's {ours[:12]}"
        return GateFinding("signature", False, None, None, f"{told}; {retrain}")
    return GateFinding("signature", True, len(has), len(wanted), f"{len(has)} features, recipe {ours[:12]}")
