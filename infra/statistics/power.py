"""What an interval could have seen: the smallest loss it tells from none, and intervals that hold many at a time."""

from statistics import NormalDist

from infra.statistics.resampling import Interval


def smallest_loss_seen(lift: Interval, confidence: float, false_refusals: float) -> float:
    """The smallest loss that these groups tell from none.

    Who refuses where the interval reaches below it refuses a true loss of this size as often as the interval holds,
    and two equal contenders in a share of `false_refusals`.
    """
    return (lift.high - lift.low) / 2 + NormalDist().inv_cdf(1 - false_refusals) * standard_error(lift, confidence)


def together(lift: Interval, confidence: float, comparisons: int) -> Interval:
    """The interval widened so that so many of them hold at once with this confidence (Bonferroni, by normal tails)."""
    reach = quantile(1 - (1 - confidence) / max(comparisons, 1)) * standard_error(lift, confidence)
    return Interval(lift.mean, lift.mean - reach, lift.mean + reach, lift.groups)


def standard_error(lift: Interval, confidence: float) -> float:
    """The standard error that an interval of this confidence speaks of."""
    return (lift.high - lift.low) / (2 * quantile(confidence))


def quantile(confidence: float) -> float:
    """How many standard errors a two-sided interval of this confidence reaches to each side."""
    return NormalDist().inv_cdf((1 + confidence) / 2)
