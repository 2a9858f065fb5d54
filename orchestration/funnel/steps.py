"""What each step of re-ranking does to the pages of the same users."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from orchestration.demo.stage import Stage
from orchestration.funnel.asking import Asking
from orchestration.funnel.figures import Feeds, figures
from orchestration.sources.simulator import World
from serving.definition import Policy
from serving.ladder import Page
from validation.resampling import Interval, interval

NONE, ALL = "no steps", "all steps"
Compared = Mapping[str, Mapping[str, Interval]]


def variants(policy: Policy) -> Mapping[str, Policy]:
    """The policy without its steps, with each of them alone, and as it is."""
    alone = {f"+ {type(step).__name__}": (step,) for step in policy.steps}
    chosen = {NONE: (), **alone, ALL: policy.steps}
    return {name: msgspec.structs.replace(policy, steps=steps) for name, steps in chosen.items()}


def compare(
    asking: Asking, policy: Policy, world: World, users: Sequence[str], seed: int, stage: Stage
) -> tuple[Compared, list[Page]]:
    """Every figure of every variant, each with its interval, and the pages that are served."""
    compared: dict[str, Mapping[str, Interval]] = {}
    base = np.zeros(len(users))
    pages: list[Page] = []
    for name, variant in variants(policy).items():
        with stage.step(f"{len(users)} users are answered: {name}") as line:
            pages = asking.feeds(variant, users)
            found = figures(world, Feeds.of(world, users, [p.items for p in pages], [p.at for p in pages]))
            worth = found["true utility"]
            base = worth if name == NONE else base
            found = {**found, "against no steps": worth - base}
            compared[name] = {figure: interval(values, seed) for figure, values in found.items()}
            line.says = f"true utility {worth.mean():.3f}"
    return compared, pages
