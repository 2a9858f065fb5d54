"""Intervals that hold at every look: who looks daily, or at each row, and stops when they like, errs no more often.

They come from the normal mixture of Robbins (1970), known as mSPRT in tests of services (Johari et al. 2022); with an
estimated spread they hold as more is counted, as a fixed interval does (Waudby-Smith, Arbour, Sinha, Kennedy and
Ramdas 2024, asymptotic confidence sequences). With v, the estimate's variance, and τ, the size of the effects that
the interval is made for, r = τ² / v says how much is known:

    two-sided   √v · √( (r + 1) / r · ( ln(r + 1) + 2 ln(1 / miss) ) )
    one-sided   √v · √( 2 (r + 1) / r · ln(1 + √(r + 1) / (2 miss)) )
"""

import math

from infra.statistics.resampling import Interval


def always_valid(estimate: Interval, error: float, tuned_to: float, miss: float) -> Interval:
    """The interval around an estimate that misses the truth at any look with a probability of at most `miss`.

    error     the standard error of the estimate by now; NaN or 0: nothing is known, and both ends are infinite
    tuned_to  for effects of this size it is the tightest, and for others nearly so; chosen before anything is seen
    """
    if not _known(estimate.mean, error):
        return Interval(estimate.mean, -math.inf, math.inf, estimate.groups)
    known = (tuned_to / error) ** 2
    reach = error * math.sqrt((known + 1) / known * (math.log1p(known) - 2 * math.log(miss)))
    return Interval(estimate.mean, estimate.mean - reach, estimate.mean + reach, estimate.groups)


def always_below(estimate: float, error: float, tuned_to: float, miss: float) -> float:
    """What the truth is above of, at every look, but with a probability of at most `miss`; −∞ where nothing is known.

    The other side is `-always_below(-estimate, …)`. Arguments as above.
    """
    if not _known(estimate, error):
        return -math.inf
    known = (tuned_to / error) ** 2
    return estimate - error * math.sqrt(2 * (known + 1) / known * math.log1p(math.sqrt(known + 1) / (2 * miss)))


def smallest_effect_seen(error: float, tuned_to: float, miss: float, power: float = 0.8) -> float:
    """The smallest effect that a one-sided bound finds by the time of this standard error, so often as `power` says.

    A little too large: it counts the last look alone, and the bound may have been passed at an earlier one.
    """
    from statistics import NormalDist

    return -always_below(0.0, error, tuned_to, miss) + NormalDist().inv_cdf(power) * error


def _known(estimate: float, error: float) -> bool:
    return math.isfinite(estimate) and math.isfinite(error) and error > 0
