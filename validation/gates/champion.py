"""The champion gate: against the live release and the best one that ever was live, so that small losses never add up.

Each release may be a little worse than the one before it without anybody seeing it. Thirty such steps are a large loss.
So a candidate is also compared with the best release that was live, on the same rows, and that one changes only when a
later release is clearly better: however many steps there are, all of them together lose about what a single one may.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.statistics import Interval, smallest_loss_seen
from validation.definition import GateLimits
from validation.gates.comparison import difference
from validation.gates.evidence import GateEvidence
from validation.verdict import GateFinding, closed


@dataclass(frozen=True, slots=True)
class Rival:
    """A release that the candidate must not be worse than: what it is called, the lift, the smallest loss seen."""

    name: str
    lift: Interval
    smallest: float
    merit: str

    def sentence(self) -> str:
        """How the candidate did against it."""
        seen = f"a loss of {self.smallest:.4f} or more would be seen"
        return f"{self.merit} against {self.name}: {self.lift} over {self.lift.groups:,} units ({seen})"


def champion_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a release that may be worse than the live one, or than the best that was live, by more than the margin.

    Where the smallest loss that the judge rows show is above the margin, it is the limit instead: a release within it
    is undecided, and passes as long as that loss is at most `max_undecided`. The first release has none to beat.
    """
    live, margin = evidence.live, limits.champion_margin
    if live is None:
        return GateFinding("champion", True, None, -margin, "no release is live yet")
    lift, to_best = _against_live(evidence, limits), _against_best(evidence, limits)
    if isinstance(lift, str):
        return closed("champion", f"release {live} is live and stays; {lift}")
    rivals = tuple(_rivals(evidence, limits, lift, to_best))
    reason = "; ".join(rival.sentence() for rival in rivals)
    if isinstance(to_best, str):
        reason += f"; release {evidence.best}, the best that was live, can no longer be scored: {live} stands in for it"
    nearest = min(rivals, key=lambda rival: rival.lift.low + max(margin, rival.smallest))
    low, limit = nearest.lift.low, max(margin, nearest.smallest)
    if all(rival.lift.low > -margin for rival in rivals):
        return GateFinding("champion", True, min(rival.lift.low for rival in rivals), -margin, reason)
    if low <= -limit:
        reason += f"; the interval has to lie above {-limit:.4g}: keep the live release"
        return GateFinding("champion", False, low, -limit, reason)
    seen = max(rival.smallest for rival in rivals)
    if seen > limits.max_undecided:
        asked = f"losses of {limits.max_undecided:g} have to be seen, and only those of {seen:.4f} or more would be"
        return GateFinding(
            "champion", False, low, -margin, f"{reason}; undecided: {asked}: keep the live release, judge on more days"
        )
    reason += f"; undecided: no loss of {seen:.4f} or more is seen, and smaller ones cannot be"
    return GateFinding("champion", True, low, -seen, reason, undecided=True)


def stands_best(evidence: GateEvidence, limits: GateLimits) -> str:
    """The version that is the best that was live once the candidate is, empty for the candidate itself.

    A release takes the place of the best only where it is clearly better: by luck alone it would sink step by step.
    """
    if evidence.live is None:
        return ""
    lift, stands = _against_best(evidence, limits), evidence.best
    if stands is None or not isinstance(lift, Interval):
        lift, stands = _against_live(evidence, limits), evidence.live
    return "" if isinstance(lift, Interval) and lift.low > 0 else stands


def _rivals(
    evidence: GateEvidence, limits: GateLimits, lift: Interval, to_best: Interval | str | None
) -> Iterator[Rival]:
    """The live release and, where it is another one and can be scored, the best that was live."""
    lifts = {f"live release {evidence.live}": lift}
    if isinstance(to_best, Interval):
        lifts[f"release {evidence.best}, the best that was live"] = to_best
    share = limits.max_false_refusals / len(lifts)  # of equal releases, by all comparisons together
    for name, against in lifts.items():
        yield Rival(name, against, smallest_loss_seen(against, limits.confidence, share), evidence.merit)


def _against_live(evidence: GateEvidence, limits: GateLimits) -> Interval | str:
    return difference(evidence, evidence.candidate, evidence.live_contender, limits)


def _against_best(evidence: GateEvidence, limits: GateLimits) -> Interval | str | None:
    """The lift against the best that was live, a sentence where it cannot be had, None where the live one is it."""
    if evidence.best in (None, evidence.live):
        return None
    return difference(evidence, evidence.candidate, evidence.best_contender, limits)
