"""Section `leaks`: each planted leak is refused by the gate meant for it, and clean sets of twenty seeds pass."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orchestration.release_inputs import verdict_on
from orchestration.sources.simulator import Scale
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.prove.leak_plants import PLANTS, Planted
from tests.prove.leak_world import platform
from tests.prove.section import Proof, Section
from training.rows import Dataset
from validation.verdict import Verdict, markdown

GATES = ("leakage", "nulls", "repeats", "encoding", "lift", "plausible", "served")
WORLD = Scale(users=600, videos=2_500, days=6, impressions=60_000, creators=120, categories=10, regions=4, seed=1)
SMALL = Scale(users=400, videos=1_500, days=5, impressions=32_000, creators=80, categories=8, regions=3)
SEEDS = range(11, 31)
TEXT = """{refused} of {plants} planted leaks of {kinds} kinds were refused, {meant} of them by the gate meant for them,
on a simulated platform of {rows:,} training rows. On {seeds} platforms without a leak, each of its own seed, the gates
against leaks refused {wrong}.

{plants_table}

The column "alone" names the gate that refuses when `served` is not asked: a dash is a leak that only the replay sees.

Clean platforms: the smallest and the largest value of each gate over all seeds, beside its limit. `encoding`,
`lift` and `plausible` refuse what lies beyond the limit with all of its interval ([leaks.md](leaks.md)), and that of a
small platform is wide.

{clean_table}
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """One set and what the gates against leaks said of it."""

    verdict: Verdict

    @property
    def refused(self) -> tuple[str, ...]:
        """The gates against leaks that refused."""
        return tuple(f.gate for f in self.verdict.findings if f.gate in GATES and not f.passed)


def measure(folder: Path) -> Proof:
    """Plant every leak into one platform, and judge twenty others without one."""
    at, data = platform(folder / "planted", WORLD, HOME_FEED)
    plants = [(planted, _judged(at, _planted(planted, at, data, seed))) for seed, planted in enumerate(PLANTS)]
    clean = []
    for seed in SEEDS:
        platform_of_seed, rows = platform(folder / str(seed), _seeded(seed), HOME_FEED)
        clean.append(_judged(platform_of_seed, rows))
    return proof(len(data.frame), plants, clean)


def proof(rows: int, plants: list[tuple[Planted, Judged]], clean: list[Judged]) -> Proof:
    """The section's text, and whether every leak met its gate and no clean set met any."""
    refused = sum(bool(judged.refused) for _, judged in plants)
    meant = sum(planted.gate in judged.refused for planted, judged in plants)
    wrong = sum(bool(judged.refused) for judged in clean)
    text = TEXT.format(
        refused=refused,
        plants=len(plants),
        kinds=len({planted.kind for planted, _ in plants}),
        meant=meant,
        rows=rows,
        seeds=len(clean),
        wrong=f"{wrong} of them" if wrong else "none",
        plants_table=_plants_table(plants),
        clean_table=_clean_table(clean),
    )
    return Proof(text, meant == len(plants) and not wrong)


def _plants_table(plants: list[tuple[Planted, Judged]]) -> str:
    rows = []
    for planted, judged in plants:
        alone = ", ".join(gate for gate in judged.refused if gate != "served") or "–"
        held = "yes" if planted.gate in judged.refused else "**no**"
        rows.append((planted.kind, planted.what, planted.gate, held, alone))
    return markdown(("kind", "planted", "gate meant for it", "refused by it", "alone"), rows)


def _clean_table(clean: list[Judged]) -> str:
    rows = []
    for gate in GATES:
        findings = [f for judged in clean for f in judged.verdict.findings if f.gate == gate]
        measured = [f.measured for f in findings if f.measured is not None]
        smallest, largest = (f"{of(measured):.3g}" if measured else "–" for of in (min, max))
        limit = next((f"{f.limit:.3g}" for f in findings if f.limit is not None), "–")
        rows.append((gate, smallest, largest, limit, sum(not f.passed for f in findings)))
    return markdown(("gate", "smallest", "largest", "limit", "refused"), rows)


def _planted(planted: Planted, at: Installation, data: Dataset, seed: int) -> Dataset:
    return planted.plant(data, at.system.task, np.random.default_rng(seed))


def _judged(at: Installation, data: Dataset) -> Judged:
    return Judged(verdict_on(at, data, at.now()))


def _seeded(seed: int) -> Scale:
    return Scale(**{**{name: getattr(SMALL, name) for name in SMALL.__slots__}, "seed": seed})


LEAKS = Section("leaks", "A leak is refused, whatever it looks like", measure)
