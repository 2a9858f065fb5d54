"""What each step of re-ranking does to the pages of the same users."""

from collections.abc import Mapping, Sequence

import msgspec

from infra.arrays import Float64s
from infra.statistics import Interval, interval
from orchestration.demo_console import DemoConsole
from orchestration.funnel.figures import Feeds, figures
from orchestration.funnel.online_path import OnlinePath
from orchestration.sources.simulator import World
from serving.definition import Policy
from serving.page import Page

NONE, ALL = "no steps", "all steps"
PAIRED, AGAINST = ("true utility", "long views"), ", more"  # what is told against the same users' pages without steps
StepFigures = Mapping[str, Mapping[str, Interval]]


def variants(policy: Policy) -> Mapping[str, Policy]:
    """The policy without its steps, with each of them alone, and as it is."""
    alone = {f"+ {type(step).__name__}": (step,) for step in policy.release.steps}
    chosen = {NONE: (), **alone, ALL: policy.release.steps}
    releases = {name: msgspec.structs.replace(policy.release, steps=steps) for name, steps in chosen.items()}
    return {name: Policy(policy.service, release) for name, release in releases.items()}


def compare(
    path: OnlinePath, policy: Policy, world: World, users: Sequence[str], seed: int, stage: DemoConsole
) -> tuple[StepFigures, list[Page]]:
    """Every figure of every variant, each with its interval, and the pages that are served."""
    compared: dict[str, Mapping[str, Interval]] = {}
    base: Mapping[str, Float64s] = {}
    pages: list[Page] = []
    for name, variant in variants(policy).items():
        with stage.step(f"{len(users)} users are answered: {name}") as line:
            pages = path.feeds(variant, users)
            feeds = Feeds.of(world, users, [page.items for page in pages], [page.at for page in pages])
            measured = figures(world, feeds, seed)
            base = base or measured
            more = {f"{figure}{AGAINST}": measured[figure] - base[figure] for figure in PAIRED}
            compared[name] = {figure: interval(values, seed) for figure, values in {**measured, **more}.items()}
            line.says = f"true utility {compared[name]['true utility'].mean:.3f}"
    return compared, pages
