"""A small platform on trial, for tests: plays of songs, some of them finished, by listeners of two towns."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from monitoring.trial import (
    ByAnother,
    Counted,
    Guardrail,
    Holds,
    Level,
    LookedUp,
    Measure,
    OfTheTop,
    Tally,
    TrialFacts,
    TrialRules,
    count,
)
from validation.contract import Column, Table

NOW = datetime(2026, 5, 12, 12, tzinfo=UTC)
ENTERED, SINCE = NOW - timedelta(days=3), NOW - timedelta(days=2)
PLAYS = Table(
    name="plays", row="one song played", owner="radio", key=("play",), event_time="at", received_time="received",
    columns=(
        *(Column(name, "string", name, nullable=True) for name in ("play", "listener", "session", "variant")),
        Column("release", "string", "which chose it", nullable=True), Column("band", "string", "whose it is"),
        Column("at", "timestamp", "when it began"), Column("received", "timestamp", "when we knew"),
    ),
)  # fmt: skip

FINISHED = Measure("finished", "songs heard to the end", Tally(by="ends", followed=(Holds("how", ("end",)),)), Tally())
SESSIONS = Measure(
    "sessions", "sessions with a song heard to the end",
    Tally(by="ends", followed=(Holds("how", ("end",)),), each="session"), Tally(each="session"),
)  # fmt: skip
FAILED = Measure("failed", "songs that another release chose", Tally((ByAnother(),)), Tally(), "lower")
BANDS = Measure("bands", "songs of the most played band", Tally((OfTheTop("band", 0.01),)), Tally(), "lower")
LATE = replace(FINISHED, name="late", known_after=timedelta(hours=1))
RULES = TrialRules(
    asker="listener",
    match=("play",),
    looked_up=(LookedUp("town", "listeners", by="listener"),),
    goal=SESSIONS,
    guardrails=(
        Guardrail(FAILED, at_most=0.01, relative=False),
        Guardrail(FINISHED, at_most=0.05),
        Guardrail(FINISHED, at_most=0.05, slice="town"),
        Guardrail(BANDS, at_most=0.5),
        Guardrail(LATE, at_most=0.5),
    ),
)
WITH_QUEUE = replace(RULES, levels=(Level("queue_age", "hours", at_most=10.0),))


def plays(
    listeners: int = 2_000, each: int = 5, share: float = 0.5, trial: float = 0.4, control: float = 0.4, seed: int = 3,
    worse_in: str = "",
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:  # fmt: skip
    """Plays since the step began and of the week before the trial, and which of them were heard to the end.

    trial, control  how often a listener of either variant hears a song to the end
    worse_in        a town where those of the trial never do
    """
    rng = np.random.default_rng(seed)
    names = np.array([f"listener {n}" for n in range(listeners)])
    variant = np.where(rng.random(listeners) < share, "challenger", "champion")
    town = np.where(rng.random(listeners) < 0.5, "north", "south")
    habit = rng.beta(4, 4, listeners) * 2
    parts = []
    for begin, end, current in ((ENTERED - timedelta(days=7), ENTERED, False), (SINCE, NOW - timedelta(hours=2), True)):
        who = np.repeat(np.arange(listeners), each)
        at = begin + (end - begin) * rng.random(len(who))
        theirs = (variant[who] == "challenger") & current
        chance = np.where(theirs, trial, control) * habit[who] * ~(theirs & (town[who] == worse_in))
        parts.append(
            pd.DataFrame({
                "play": [f"{'now' if current else 'then'} {n}" for n in range(len(who))], "listener": names[who],
                "variant": variant[who] if current else "champion", "release": np.where(theirs, "8", "7"),
                "session": [f"{current} {w} {n % 2}" for n, w in enumerate(who)], "town": town[who],
                "band": np.where(rng.random(len(who)) < 0.5, "loud", rng.choice(["a", "b", "c"], len(who))),
                "at": pd.to_datetime(at, utc=True), "received": pd.to_datetime(at, utc=True),
                "heard": rng.random(len(who)) < np.minimum(chance, 1),
            })
        )  # fmt: skip
    log = pd.concat(parts, ignore_index=True)
    ends = log.loc[log["heard"], ["play", "received"]].assign(how="end")
    return log.drop(columns="heard"), {"ends": ends}


def counted(log: pd.DataFrame, followed: dict[str, pd.DataFrame], rules: TrialRules = RULES) -> Counted:
    """What is counted of them now."""
    return count(log, followed, rules, PLAYS, releases=("8", "7"), entered=ENTERED, since=SINCE, now=NOW)


def facts(log: pd.DataFrame, followed: dict[str, pd.DataFrame], share: int = 50, **levels: float) -> TrialFacts:
    """The facts of a step at that share."""
    own = counted(log, followed)
    return TrialFacts("8", share, ENTERED, SINCE, own.askers, own.contrasts, own.changed, own.left_out, levels)
