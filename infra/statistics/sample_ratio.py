"""Sample-ratio mismatch: whether variants have as many askers as they were drawn with, however often one looks."""

from collections.abc import Sequence

import numpy as np

PRIOR_ASKERS = 100.0  # how near other ratios are looked for: about two points of a hundred at a share of 5 %


def sample_ratio_chance(counts: Sequence[float], shares: Sequence[float]) -> float:
    """The always-valid p-value of the counts, if each asker was drawn with these shares; 1 where nobody was.

    counts, shares  (variants,) askers seen for the first time; shares need not sum to 1

    The multinomial Bayes factor against a Dirichlet mixture of other shares is a martingale in the askers as they
    come, so that it ever reaches 1 / p with a probability of at most p (Lindon and Malek 2022).
    """
    from scipy.special import gammaln  # 20 MiB that serving does not need

    seen, drawn = np.asarray(counts, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    if seen[drawn <= 0].any():
        return 0.0  # somebody is where nobody was to be
    seen, drawn = seen[drawn > 0], drawn[drawn > 0]
    if len(drawn) < 2 or not seen.any():
        return 1.0
    drawn = drawn / drawn.sum()
    prior = PRIOR_ASKERS * drawn
    mixed = gammaln(prior.sum()) - gammaln(prior.sum() + seen.sum()) + (gammaln(prior + seen) - gammaln(prior)).sum()
    log_factor = mixed - float(seen @ np.log(drawn))
    return float(np.exp(-max(log_factor, 0.0)))
