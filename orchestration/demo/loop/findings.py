"""The figures of the loop: means by phase, every decision with its evidence, what the bad release cost, who won."""

import time
from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from infra.machine_decisions import MachineDecision, noted
from infra.statistics import interval
from orchestration.demo.loop.accounts import LINES, Accounts
from orchestration.demo.loop.plan import Plan
from orchestration.demo.loop.regional_fall import regional_fall

if TYPE_CHECKING:
    from orchestration.demo.loop.story import LoopStory

HOURS_A_DAY = 24
DAYS_BEFORE = 2
MOST_DECISIONS = 1000
SAME_S = 5.0
SIDES = (("before", False), ("after", True))
WORDS = {"enter": "enters", "abort": "is aborted", "promote": "is promoted", "rollback": "is back"}


def findings(story: "LoopStory") -> dict[str, Any]:
    """All figures, ready for JSON."""
    accounts, plan, learned = story.accounts, story.plan, story.learned
    return {
        "at": story.installation.now().isoformat(),
        "size": {
            "pages_a_day": plan.pages,
            "users": plan.scale.users,
            "videos": plan.scale.videos,
            "seed": plan.seed,
            "history_days": plan.history,
        },
        "pages": len(accounts.rows),
        "served_by": {str(k): int(v) for k, v in accounts.frame["served_by"].value_counts().items()},
        "phases": phases(accounts, plan),
        "by_hour": _records(accounts.means("hour")),
        "by_variant": _records(accounts.means("variant", "release")),
        "decisions": decisions(story),
        "bad": bad_release(accounts, learned.get("bad")),
        "won": retrained_against_frozen(accounts, plan, learned),
        "region": region(story),
        "marks": marks(story),
        "seconds": round(time.monotonic() - story.began, 1),
    }


def phases(accounts: Accounts, plan: Plan) -> list[dict[str, Any]]:
    """Means by what the days are about."""
    hours = accounts.frame["hour"] // HOURS_A_DAY + 1
    bounds = {
        "as in the past": (1, plan.drift_on - 1),
        "tastes have turned": (plan.drift_on, plan.bad_on - 1),
        "a bad release, and the retrained one": (plan.bad_on, plan.null_on - 1),
        "a feature arrives null in one region": (plan.null_on, plan.days),
    }
    table = []
    for name, (first, last) in bounds.items():
        pages = accounts.frame[(hours >= first) & (hours <= last)]
        if len(pages):
            means = {line: round(float(pages[line].mean()), 4) for line in LINES}
            table.append(
                {"phase": name, "days": f"{first}–{last}" if last > first else f"{first}", **means, "pages": len(pages)}
            )
    return table


def decisions(story: "LoopStory") -> list[dict[str, Any]]:
    """Every move of a release and every other decision of the machinery, in order of time, with its evidence."""
    moves = story.installation.registry.history()
    own = noted(story.installation.settings.part, MOST_DECISIONS)
    evidence = {id(move): next((d.evidence for d in own if _is_of(d, move)), {}) for move in moves}
    every: list[dict[str, Any]] = [
        {
            "at": move.at, "what": f"{move.action} {move.stage}".strip(), "release": move.after, "who": move.who,
            "why": move.why, "evidence": dict(evidence[id(move)]),
        }
        for move in moves
    ]  # fmt: skip
    every += [
        {
            "at": d.at,
            "what": d.did,
            "release": d.release,
            "who": "the machinery",
            "why": d.says,
            "evidence": dict(d.evidence),
        }
        for d in own
        if not any(_is_of(d, move) for move in moves)
    ]
    in_order = sorted(every, key=lambda each: each["at"].astimezone(UTC))
    return [each | {"day": round(story.plan.number(each["at"].timestamp()), 2)} for each in in_order]


def _is_of(decision: MachineDecision, move: Any) -> bool:
    """Whether a decision is the one that a move followed from."""
    near: bool = abs((decision.at - move.at).total_seconds()) < SAME_S
    return near and decision.release == move.after and decision.did.replace(" ", "") == move.action


def bad_release(accounts: Accounts, version: str | None) -> dict[str, Any] | None:
    """How many pages the bad release answered, and what they lost against the first release on the same visits."""
    if version is None:
        return None
    frame = accounts.frame
    hurt = frame[frame["release"] == version]
    days = frame[(frame["hour"] // HOURS_A_DAY).isin(hurt["hour"] // HOURS_A_DAY)]
    facts: dict[str, Any] = {"release": version, "pages": len(hurt), "of_pages_of_those_days": len(days)}
    if len(hurt):
        facts |= {
            "hours": int(hurt["hour"].max() - hurt["hour"].min() + 1),
            "share": round(len(hurt) / len(days), 4),
            "worth": round(float(hurt["loop"].mean()), 4),
            "frozen_worth": round(float(hurt["frozen"].mean()), 4),
        }
    return facts


def retrained_against_frozen(accounts: Accounts, plan: Plan, learned: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the pages of retrained releases are worth more than those of the first one on the same visits."""
    frame = accounts.frame
    own = frame[~frame["release"].isin({None, "1", learned.get("bad")}) & frame["release"].notna()]
    if own.empty:
        return None
    gain = interval((own["loop"] - own["frozen"]).to_numpy(), 0, own["user"].to_numpy())
    return {
        "releases": sorted(set(own["release"])), "pages": len(own), "worth": round(float(own["loop"].mean()), 4),
        "frozen_worth": round(float(own["frozen"].mean()), 4), "gain": round(gain.mean, 4),
        "low": round(gain.low, 4), "high": round(gain.high, 4), "won": bool(gain.low > 0),
    }  # fmt: skip


def region(story: "LoopStory") -> dict[str, Any]:
    """Clicks and true worth by region, of the two days before the feature is lost and after, and what the watch says.

    offline  what the gate said of the live release against the one before it, on rows that had the feature
    """
    accounts, plan = story.accounts, story.plan
    day = accounts.frame["hour"] // HOURS_A_DAY + 1
    frame = accounts.frame.assign(after=day >= plan.null_on)[day >= plan.null_on - DAYS_BEFORE]
    sums = frame.groupby(["region", "after"])[["clicks", "shown"]].sum()
    clicks = (sums["clicks"] / sums["shown"].clip(lower=1)).unstack("after")
    worth = frame.groupby(["region", "after"])["loop"].mean().unstack("after")
    fall = regional_fall(frame, plan.null_region)
    return {
        "planted": {"feature": "same_language", "region": plan.world.region_name(plan.null_region)},
        "offline": offline(story),
        "fall": {"value": _or_none(fall.mean), "low": _or_none(fall.low), "high": _or_none(fall.high)},
        "by_region": [
            {
                "region": plan.world.region_name(int(place)),
                **_sides("clicks", clicks, place),
                **_sides("worth", worth, place),
            }
            for place in clicks.index
        ],
        **story.learned.get("diagnosis", {}),
        "the_day_before": story.learned.get("diagnosis_the_day_before", {}),
    }


def offline(story: "LoopStory") -> str:
    """What the champion gate said of the live release."""
    registry = story.installation.registry
    live = registry.live()
    if live == "1":
        return "the first release is still live, so that there is no gain offline to compare with"
    findings = registry.verdict(live).findings if live else ()
    return next((f"release {live}: {f.reason}" for f in findings if f.gate == "champion"), "")


def _sides(name: str, table: pd.DataFrame, place: Any) -> dict[str, Any]:
    return {f"{name}_{side}": _or_none(table[after].get(place)) for side, after in SIDES if after in table}


def marks(story: "LoopStory") -> list[tuple[float, str]]:
    """What the picture names, at its moment in days."""
    plan, bad = story.plan, story.learned.get("bad")
    marked = [(float(plan.drift_on), "tastes turn"), (float(plan.null_on), "a feature null in one region")]
    for move in story.installation.registry.history()[1:]:
        which = "the bad release" if move.after == bad else f"release {move.after}"
        if move.action in WORDS or move.goes_live:
            says = f"{which} {WORDS.get(move.action, 'is champion')}"
            marked.append((plan.number(move.at.timestamp()), says))
    return sorted((at, says) for at, says in marked if at <= plan.days + 1)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _or_none(v) for k, v in row.items()} for row in table.to_dict("records")]


def _or_none(value: Any) -> Any:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return round(float(value), 4) if isinstance(value, float | np.floating) else value
