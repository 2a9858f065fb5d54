"""The figures of the loop: means by phase, every decision with its evidence, what the bad release cost, who won."""

from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from infra.machine_decisions import noted
from infra.statistics import interval
from orchestration.demo.loop.accounts import LINES, Accounts
from orchestration.demo.loop.plan import Plan

if TYPE_CHECKING:
    from orchestration.demo.loop.story import LoopStory

HOURS_A_DAY = 24
SIDES = (("before", False), ("after", True))


def findings(story: "LoopStory") -> dict[str, Any]:
    """All figures, ready for JSON."""
    accounts, plan, learned = story.accounts, story.plan, story.learned
    return {
        "at": story.installation.now().isoformat(),
        "size": {"pages_a_day": plan.pages, "users": plan.scale.users, "videos": plan.scale.videos, "seed": plan.seed},
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
        "seconds": round(sum(story.stage.seconds.values()), 1),
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
            table.append({"phase": name, "days": f"{first}–{last}", **means, "pages": len(pages)})
    return table


def decisions(story: "LoopStory") -> list[dict[str, Any]]:
    """Every move of what is live and every decision the machinery took by itself, in order of time."""
    moves: list[dict[str, Any]] = [
        {"at": move.at, "what": move.action, "release": move.after, "who": move.who, "why": move.why, "evidence": {}}
        for move in story.installation.registry.history()
    ]
    own: list[dict[str, Any]] = [
        {
            "at": d.at,
            "what": d.did,
            "release": d.release,
            "who": "the machinery",
            "why": d.says,
            "evidence": dict(d.evidence),
        }
        for d in noted(story.installation.settings.part, 1000)
    ]
    both = sorted(moves + own, key=lambda each: each["at"].astimezone(UTC))
    return [each | {"day": round(story.plan.number(each["at"].timestamp()), 2)} for each in both]


def bad_release(accounts: Accounts, version: str | None) -> dict[str, Any] | None:
    """How many pages the bad release answered, and what they lost against the first release on the same visits."""
    if version is None:
        return None
    frame = accounts.frame
    hurt = frame[frame["release"] == version]
    days = frame[(frame["hour"] // HOURS_A_DAY).isin(hurt["hour"] // HOURS_A_DAY)]
    facts: dict[str, Any] = {"release": version, "pages": len(hurt), "of_pages_that_day": len(days)}
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
    """Clicks for each video shown by region, before and after the feature is lost there, and what the watch says."""
    accounts, plan = story.accounts, story.plan
    frame = accounts.frame
    after = frame["hour"] // HOURS_A_DAY + 1 >= plan.null_on
    sums = frame.assign(after=after).groupby(["region", "after"])[["clicks", "shown"]].sum()
    rates = (sums["clicks"] / sums["shown"].clip(lower=1)).unstack("after")
    return {
        "planted": {"feature": "same_language", "region": plan.world.region_name(plan.null_region)},
        "click_rates": [
            {
                "region": plan.world.region_name(int(place)),
                **{name: _or_none(rates[is_after].get(place)) for name, is_after in SIDES if is_after in rates},
            }
            for place in rates.index
        ],
        **story.learned.get("diagnosis", {}),
    }


def marks(story: "LoopStory") -> list[tuple[float, str]]:
    """What the picture names, at its moment in days."""
    plan = story.plan
    planned = [(plan.drift_on, "tastes turn"), (plan.null_on, "null in one region")]
    moves: list[dict[str, Any]] = [
        (plan.number(move.at.timestamp()), f"{move.action}: release {move.after}")
        for move in story.installation.registry.history()[1:]
    ]
    return [(float(at), says) for at, says in [*planned, *moves] if at <= plan.days + 1]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _or_none(v) for k, v in row.items()} for row in table.to_dict("records")]


def _or_none(value: Any) -> Any:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return round(float(value), 4) if isinstance(value, float | np.floating) else value
