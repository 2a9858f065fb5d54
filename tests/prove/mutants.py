"""10,000 mutated releases and a worker that meets them: it refuses each before it parses anything.

What a trial is worth by itself is measured beside it, as if nothing were signed: a parser that writes past its memory
need not fail where it did so, so that now and then a broken model passes its trial and ends the process that loads it.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.errors import ReleaseMismatch
from infra.settings import Settings
from serving.model import proving
from tests.prove.mutant_worker import spoiled
from tests.prove.section import Proof, Section
from tests.serving.conftest import World
from tests.signed import point

COUNT, OWN_START = 10_000, 12  # mutants; those that come to a trial as the service starts it, two seconds each
CHECKOUT = Path(__file__).parents[2]
Met = dict[str, Any]


def met(home: Path, count: int) -> tuple[list[Met], int]:
    """What became of each mutant, and how often the worker died of one."""
    world = World(Settings(home=home))
    world.release("1")
    point(world.registry, "1")
    seen: list[Met] = []
    deaths = 0
    while len(seen) + deaths < count:
        first = len(seen) + deaths
        command = [sys.executable, "-m", "tests.prove.mutant_worker", str(home), str(first), str(count)]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith('{"number"')]
        seen += [json.loads(line) for line in lines]
        deaths += done.returncode != 0
        if done.returncode > 0:
            raise RuntimeError(f"the worker could not run: {done.stderr[-800:]}")
    return seen, deaths


def started_alone(home: Path, numbers: Sequence[int]) -> Counter[str]:
    """What becomes of some of them in the trial that the service itself starts."""
    registry = Settings(home=home).releases
    outcomes: Counter[str] = Counter()
    for number in numbers:
        spoiled(registry / "1", registry / "2", number)
        try:
            asyncio.run(proving.prove_in_child(registry / "2", 60.0))
            outcomes["accepted"] += 1
        except ReleaseMismatch:
            outcomes["refused"] += 1
    return outcomes


def measure(folder: Path, count: int = COUNT, own_start: int = OWN_START) -> Proof:
    """Meet the mutants, and some of them once more as the service does."""
    seen, deaths = met(folder, count)
    alone = started_alone(folder, range(0, count, max(count // own_start, 1)))
    taken = [one for one in seen if one["signed"] != "refused"]
    rows = [_row(name, [one for one in seen if one["file"] == name]) for name in dict.fromkeys(o["file"] for o in seen)]
    text = f"""{count:,} releases, each with one file mutated (bits flipped, cut short, other lengths, blocks swapped,
repeated, zeroed) and its digests made anew, as somebody can who holds no key. Where signatures are checked,
{len(seen) - len(taken):,} of {len(seen):,} were refused before a byte of them was parsed. Where they are not, a child
with the limits of a trial parsed each; what it accepted, such as a blank more in a text, the worker loaded and scored
{700} rows with. So, by the trial alone, the worker would have died {deaths} times: a parser that writes past its
memory does not always fail at once. The signature is what keeps such models away. Of {alone.total()} that came to a
trial as the service starts it, {alone["refused"]} were refused.

| file | mutants | refused by the child | child ended by a signal | child hung | accepted, and the worker scored |
|---|---|---|---|---|---|
""" + "\n".join(rows)
    return Proof(text, passed=not taken and len(seen) + deaths == count)


def _row(name: str, seen: Sequence[Met]) -> str:
    statuses = [one["child"] for one in seen]
    signals = sum(isinstance(status, int) and status < 0 for status in statuses)
    cells = (
        len(seen), statuses.count(1), signals, statuses.count("hung"), sum(one["loaded"] == "scores" for one in seen),
    )  # fmt: skip
    return f"| {name} | " + " | ".join(f"{cell:,}" for cell in cells) + " |"


MUTANTS = Section("mutants", "No mutated release is parsed by a worker", measure)
