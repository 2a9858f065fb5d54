"""The alarms of monitoring: what each asks, when it fires, whose it is, and what its owner does first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import msgspec

from monitoring.definition import Watch
from monitoring.outcomes import ReleaseOutcome

Owner = Literal["data", "model", "product", "serving"]
OWNERS: dict[Owner, str] = {
    "data": "who brings the tables in",
    "model": "who trains and releases",
    "product": "who answers for what people get",
    "serving": "who runs the service and the online store",
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm; `runbook` is what its owner does first, in one line."""

    name: str
    asks: str
    fires: str
    owner: Owner
    runbook: str


ALARMS = (
    Alarm(
        "refused",
        "did what came in keep its contract?",
        "a batch of the last days was refused and waits in quarantine",
        "data",
        "read the reasons (`flywheel doctor`), mend the rows and replay the day; training waits for it",
    ),
    Alarm(
        "volume",
        "do as many events come as usual?",
        "a table's day holds 5 times as many rows as usual, or as few",
        "data",
        "compare the sources with the ledger of that day; ingest what is missing, or take out what came twice",
    ),
    Alarm(
        "silence",
        "do events still come?",
        "the newest row of an event table is older than `max_silence`",
        "data",
        "look at the landing and its sensor, then at who delivers; the service goes on with older states",
    ),
    Alarm(
        "nulls",
        "does every feature arrive, in every slice?",
        "the share of nulls rose by more than `max_null_rise`, and by more than chance explains, in all rows or "
        "in one slice",
        "serving",
        "`flywheel diagnose --day DAY` names feature and slice, and whether serving or the table lacks it",
    ),
    Alarm(
        "unseen",
        "is there a kind of traffic that training never saw?",
        "a slice that the live release was not judged on holds 1 % of the rows",
        "data",
        "is it meant, such as a new region? Then retrain; else mend the source that writes the word",
    ),
    Alarm(
        "drift",
        "are critical features distributed as in training, in every slice?",
        "PSI above `max_psi`, and above what chance explains over all that is compared",
        "model",
        "look at the drift page of the day; confirmed drift retrains by itself, else ask the table's owner",
    ),
    Alarm(
        "scores",
        "are scores distributed as in training, in every slice?",
        "PSI of the scores above `max_psi`, and above what chance explains",
        "model",
        "`flywheel diagnose --day DAY`: with inputs as in training it is the release; roll back if merit falls",
    ),
    Alarm(
        "skew",
        "does serving compute what training computes?",
        "features as served differ in more rows than may be",
        "serving",
        "read the examples on the asset `skew`; it rolls back and freezes training by itself once confirmed",
    ),
    Alarm(
        "stale",
        "are states served as fresh as those of training?",
        "more than `max_stale_share` of the rows read states that are too old",
        "serving",
        "is `flywheel stream` running, and does it keep up? Else the next training takes what was measured",
    ),
    Alarm(
        "calibration",
        "does what is predicted happen?",
        "predictions are off by more than `max_calibration` times, and by more than chance explains",
        "model",
        "compare by slice on the asset `outcomes`; retrain, and look at what followed the last change of policy",
    ),
    Alarm(
        "merit",
        "does a release do as well as it promised?",
        "its live merit is lower by more than `max_merit_drop`, and by more than chance explains; it says which "
        "release, also one that is not live any more",
        "model",
        "of the live release it rolls back and retrains by itself once confirmed; else do not bring that one back",
    ),
    Alarm(
        "slice",
        "does it do as well in every slice?",
        "the merit of one slice is lower than promised there",
        "model",
        "`flywheel diagnose --day DAY`, then the slice in the release's report; a canary may be stopped for it",
    ),
    Alarm(
        "age",
        "is the model of this week?",
        "the live release is older than `max_age`",
        "model",
        "are schedules on (`flywheel up` says which), and did the gates refuse the last candidates?",
    ),
    Alarm(
        "business",
        "do people get from it what they usually get?",
        "a measure of the product lies below its usual range",
        "product",
        "is it the day, the app, or the ranking? Compare with the holdback, and with what was released",
    ),
    Alarm(
        "goodhart",
        "is the merit still worth anything?",
        "merit is as promised while a measure of the product falls, in 2 of 3 days",
        "product",
        "the model is good at the wrong thing: look at what the label leaves out, before any retraining",
    ),
)
BY_NAME = {alarm.name: alarm for alarm in ALARMS}


QUIETER = 0.5
"""Decisions wait for a second window; an alarm does not, and so each kind of it may be false half as often."""


def quieter(watch: Watch) -> Watch:
    """The same watch for alarms: where nothing changes, all kinds together fire about once in a month at most."""
    return replace(watch, max_false_alarms=watch.max_false_alarms * QUIETER)


def far_below(part: ReleaseOutcome, watch: Watch) -> bool:
    """Whether a release's merit lies below its promise by more than chance explains on one day of `max_false_alarms`.

    A promise is as lucky tomorrow as it is today: a second day is no second proof.
    """
    from scipy.stats import norm

    return part.finding == "merit drop" and part.drop > float(norm.isf(watch.max_false_alarms)) * part.error


def confirmed_drops(dropped: Sequence[Sequence[str]], watch: Watch) -> list[str]:
    """The releases whose merit dropped today and on as many of the last days as confirm it; one day alone is chance.

    dropped  the releases whose merit dropped, by day, oldest first
    """
    newest = dropped[-watch.of_last :]
    return [release for release in (newest[-1] if newest else ()) if sum(release in d for d in newest) >= watch.confirm]


class Raised(msgspec.Struct, frozen=True):
    """An alarm that fired: which, what was measured, whose it is, and what to do first."""

    alarm: str
    says: str
    owner: str
    runbook: str
    at: datetime


def raised(name: str, says: str, at: datetime) -> Raised:
    """The alarm of that name, fired."""
    alarm = BY_NAME[name]
    return Raised(alarm.name, says, alarm.owner, alarm.runbook, at)
