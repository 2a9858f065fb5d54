"""Which release answers whom: drawn once, when a request begins, and handed on from there.

An arm is all that a request takes from its release. Its variant is the one the asker was drawn for, also where another
release answers in the end: who compares variants compares everybody who was drawn.
"""

from typing import Generic, Protocol, TypeVar

import msgspec

from serving import metrics
from serving.assignment import CHALLENGER, CHAMPION, HOLDBACK, LOWEST, Shares, variant_of
from serving.definition import BreakerValues, RequestLimits
from serving.limits import Breaker
from serving.model import LoadedRelease, OnTrial, ReleaseFollower

APART = {LOWEST: "the constant share of this rung", HOLDBACK: "the constant share that is held back"}
SCORER = "scorer"  # the champion, by its name in metrics


class Limited(Protocol):
    """What is asked of a policy of any kind."""

    @property
    def limits(self) -> RequestLimits:
        """What one answer may cost, and the constant shares."""


OwnPolicy = TypeVar("OwnPolicy", bound=Limited)


class ChallengerFailed(Exception):  # noqa: N818  it is named for what happened
    """The release on trial cannot score: the champion answers instead."""


class Arm(msgspec.Struct, Generic[LoadedRelease, OwnPolicy], frozen=True):
    """What one request is answered with.

    variant  one of serving/assignment.py
    release  None before the first one
    why      what is not as it should be: the champion is not the one that the registry names, or it answers instead
    stale    whether the champion is not the one that the registry names
    apart    why askers of this variant get the lowest rung, None for those who do not
    """

    variant: str
    release: LoadedRelease | None
    policy: OwnPolicy
    breaker: Breaker
    why: str | None = None
    stale: bool = False
    apart: str | None = None
    on_trial: bool = False

    def cannot_score(self, why: str) -> str:
        """Why there is no score; raises ChallengerFailed where another release can answer."""
        if self.on_trial:
            raise ChallengerFailed(why)
        return why


class Arms(Generic[LoadedRelease, OwnPolicy]):
    """Draws the arm of each asker from the releases that are followed now."""

    def __init__(self, releases: ReleaseFollower[LoadedRelease, OwnPolicy], values: BreakerValues) -> None:
        self._releases, self.breakers = releases, Breakers(values)
        self._drawn_with: tuple[RequestLimits | None, OnTrial[LoadedRelease] | None] = (None, None)
        self._shares = Shares()

    def of(self, asker: str, preview: bool = False, wanted: str | None = None) -> Arm[LoadedRelease, OwnPolicy]:
        """The arm of an asker. Nobody looks at a preview of the lowest rung: those count as if no share was set apart.

        wanted  another variant than theirs, for somebody who compares
        """
        trial = self._releases.trial
        variant = wanted or variant_of(self._of_now(trial), asker)
        if variant in APART:
            if not preview:
                return self.champion(variant, apart=APART[variant])
        elif variant == CHALLENGER and trial is not None:
            release = trial.release
            breaker = self.breakers.of(CHALLENGER, release.version)
            if breaker.rests:
                return self.instead(ChallengerFailed(breaker.why))
            return Arm(CHALLENGER, release, release.policy, breaker, on_trial=True)
        return self.champion()

    def champion(
        self, variant: str = CHAMPION, *, instead: str | None = None, apart: str | None = None
    ) -> Arm[LoadedRelease, OwnPolicy]:
        """The champion for askers of a variant, and the reason where it answers `instead` of another release."""
        releases, live = self._releases, self._releases.live
        breaker = self.breakers.of(SCORER, "" if live is None else live.version)
        why = releases.why if instead is None else "; ".join(filter(None, [instead, releases.why]))
        return Arm(variant, live, releases.policy, breaker, why, releases.why is not None, apart)

    def instead(self, failed: Exception) -> Arm[LoadedRelease, OwnPolicy]:
        """The champion for an asker of the challenger, which failed: that is counted."""
        why = str(failed) if isinstance(failed, ChallengerFailed) else f"failed: {type(failed).__name__}"
        metrics.variant(CHALLENGER).failed(why)
        return self.champion(CHALLENGER, instead=f"the champion answers for the challenger: {why}")

    def _of_now(self, trial: OnTrial[LoadedRelease] | None) -> Shares:
        """The shares by the live policy and the trial; made anew only when one of the two is another."""
        limits = self._releases.policy.limits
        if self._drawn_with[0] is not limits or self._drawn_with[1] is not trial:
            share, salt = (0.0, "") if trial is None else (trial.share, trial.salt)
            self._shares = Shares(limits.lowest_share, limits.holdback_share, share, salt)
            self._drawn_with = limits, trial
        return self._shares


class Breakers:
    """The breakers of the champion and of the challenger: another release begins with a closed one."""

    def __init__(self, values: BreakerValues) -> None:
        self._values = values
        self.held: dict[str, tuple[str, Breaker]] = {}

    def of(self, role: str, version: str) -> Breaker:
        """The breaker of a release in a role."""
        held = self.held.get(role)
        if held is None or held[0] != version:
            held = self.held[role] = (version, Breaker(role, self._values))
        return held[1]
