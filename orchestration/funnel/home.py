"""A small platform to measure on: the simulator's past taken in, its features online, a ranker released."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta

import msgspec

from feature_repo.recipe import recipe_of
from infra.errors import FlywheelError
from infra.redis_server import running
from infra.settings import Settings, socket_url
from orchestration import retrieval
from orchestration.demo_console import DemoConsole
from orchestration.release_inputs import newest_candidate
from orchestration.runs import execute
from orchestration.sources.simulator import Scale, World, deliver
from orchestration.system import Installation, System
from training.registry import Registry


@contextmanager
def opened(system: System, settings: Settings, scale: Scale, stage: DemoConsole) -> Iterator[Installation]:
    """The installation below the settings' home, with a Redis of its own while the block runs.

    It is built at the first time, and again when the world or the features have changed since.
    """
    home = settings.home / "funnel"
    own = {"home": home, "redis_url": socket_url(home), "replay_from": scale.end}
    installation = Installation(system, settings.model_copy(update=own))
    mark, digest = home / "built", _digest(system, scale)
    there = mark.exists() and mark.read_text() == digest
    if not there:
        mark.unlink(missing_ok=True)  # first: a home that is only half removed must not count as built
        shutil.rmtree(home, ignore_errors=True)
    with running(installation.settings.redis_url, home / "redis"):
        if not there:
            _build(installation, scale, stage)
            mark.write_text(digest)
        yield installation


def _build(installation: Installation, scale: Scale, stage: DemoConsole) -> None:
    first, last = scale.start.date(), scale.end.date() - timedelta(days=1)
    with stage.step("the past of a simulated platform arrives") as line:
        handed = deliver(World.make(scale).history(), scale, installation.settings.landing)
        line.says = ", ".join(f"{name} {facts.received:,}" for name, facts in handed.items())
    for job, since in (("ingest", first), ("features", first), ("train", last)):
        messages: list[str] = []
        with stage.step(f"job {job}"):
            if not execute(installation, job, since, last, messages.append).success:
                raise FlywheelError(f"job {job} for {since} to {last} failed:\n" + "\n".join(messages))
    with stage.step("the ranker is released") as line:
        candidate = newest_candidate(installation)
        registry = Registry(
            installation.settings, installation.system.name
        )  # no service follows it: no deployment is to be proven
        version = registry.register(candidate.folder, candidate.report, candidate.verdict)
        retrieval.publish(installation, version)
        registry.promote(version, who="funnel", why="to be measured", at=installation.now())
        line.says = candidate.figures.winner


def _digest(system: System, scale: Scale) -> str:
    definitions = msgspec.json.encode(asdict(scale)) + recipe_of(system.features)
    return hashlib.sha256(definitions).hexdigest()
