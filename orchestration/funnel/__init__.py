"""`flywheel funnel`: what each part of the funnel does, measured against the simulator's truth."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from infra.settings import Settings
from orchestration.demo_console import DemoConsole
from orchestration.funnel import page, sources, steps
from orchestration.funnel.home import opened
from orchestration.funnel.online_path import opened_path
from orchestration.release_inputs import newest_candidate
from orchestration.sources.simulator import Scale, World
from orchestration.system import Installation, System


def report(system: System, settings: Settings, *, users: int, seed: int, target: Path, out: Console) -> None:
    """Build a simulated platform, or take the one that was built, measure the funnel on it and write the page."""
    stage, scale = DemoConsole(out), Scale(seed=seed)
    with opened(system, settings, scale, stage) as installation:
        text = measured(installation, World.make(scale), users, f"flywheel funnel --users {users} --seed {seed}", stage)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    out.print(f"\n{target} holds these tables.")


def measured(installation: Installation, world: World, users: int, command: str, stage: DemoConsole) -> str:
    """The page of an installation that was made from the world; its tables are shown as well."""
    policy, scale = installation.system.page, world.scale
    chosen = some_users(world, users)
    with opened_path(installation) as path:
        compared, pages = steps.compare(path, policy, world, chosen, scale.seed, stage)
        with stage.step(f"what is truly best for {len(chosen)} users"):
            by_source = sources.describe(world, policy, path.parts.states, chosen, pages, scale.seed)
    stage.grid("Sources of candidates", *page.sources_table(by_source))
    stage.grid("Steps of re-ranking", *page.steps_table(compared))
    facts: dict[str, Any] = {
        "command": command,
        "users": len(chosen),
        "seed": scale.seed,
        "limit": policy.release.limit,
        "days": scale.days,
        "live": len(world.live_videos(scale.finish)),
    }
    return page.page(facts, policy, compared, by_source, newest_candidate(installation).figures.retrieval)


def some_users(world: World, count: int) -> list[str]:
    """Users drawn evenly from those who came on the last day, the same ones for the same world."""
    active = world.active_users(world.scale.days - 1)
    drawn = np.random.default_rng(world.scale.seed).permutation(len(active))[:count]
    return [str(active[place]) for place in sorted(drawn)]
