"""The figures of a run, and the bounds that they have to keep."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.pit.rows import Size
from tests.bench.pit.stores import STORES
from tests.bench.pit.trial import Trial

MILLION = 1_000_000
LESS_CPU = {MILLION: 3.0, 5 * MILLION: 4.0}  # than Feast's Spark store
GROWTH_S, HOT, PEAK_GIB, FILLED_GIB = 10.0, 1.5, 3.0, 1.5
FILLED = 2 * MILLION
MIB_A_GIB = 1024
EQUAL, REFERENCE = "equal", "what the others are compared with"


@dataclass(frozen=True, slots=True)
class Row:
    """One store at one size; without a trial it is absent, and `answers` says why."""

    size: Size
    store: str
    trial: Trial | None
    answers: str

    @property
    def title(self) -> str:
        """The store's name on the page."""
        return STORES[self.store].title


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound with what was reached; `held` is None where the run did not measure it."""

    claim: str
    reached: str
    held: bool | None

    @property
    def word(self) -> str:
        """The verdict in a word."""
        return "not measured" if self.held is None else "held" if self.held else "**did not hold**"


def bounds(rows: Sequence[Row], filled: tuple[int, Trial] | None) -> Iterator[Bound]:
    """Every bound that is asked of the as-of store and of filling the online store."""
    trials = {(row.store, row.size): row.trial for row in rows if row.trial and not row.trial.fault}
    even = {size: trial for (store, size), trial in trials.items() if store == "asof" and not size.hot}
    for impressions, least in LESS_CPU.items():
        size = Size(impressions)
        ours, theirs = even.get(size), trials.get(("feast_spark", size))
        times = theirs.cpu_s / ours.cpu_s if ours and theirs else None
        claim = f"{impressions:,} impressions: at least {least:.0f} × less CPU than Feast's Spark store"
        yield _bound(claim, times, "×", times is not None and times >= least)
    yield _growth(even)
    hot = [(t.cpu_s / even[Size(size.impressions)].cpu_s) for (store, size), t in trials.items()
           if store == "asof" and size.hot and Size(size.impressions) in even]  # fmt: skip
    ratio = max(hot, default=None)
    yield _bound(f"a fifth of all on one key: at most {HOT} × the CPU", ratio, "×", ratio is not None and ratio <= HOT)
    largest = even.get(Size(5 * MILLION))
    gib = largest.peak_mib / MIB_A_GIB if largest else None
    yield _bound(f"5,000,000 impressions: at most {PEAK_GIB:.0f} GiB", gib, "GiB", gib is not None and gib <= PEAK_GIB)
    trial = filled[1] if filled and filled[0] == FILLED and not filled[1].fault else None
    gib = trial.peak_mib / MIB_A_GIB if trial else None
    claim = f"{FILLED:,} entities put online: at most {FILLED_GIB} GiB"
    yield _bound(claim, gib, "GiB", gib is not None and gib <= FILLED_GIB)
    answered = [row for row in rows if row.trial and not row.trial.fault and row.store != "feast_file"]
    compared = [row.answers for row in answered if row.answers != REFERENCE]
    claim = "the same answers as Feast's Spark and DuckDB stores, where those are right"
    equal = f"{compared.count(EQUAL)} of {len(compared)} runs equal"
    yield Bound(claim, equal, set(compared) == {EQUAL} if compared else None)


def _growth(even: dict[Size, Trial]) -> Bound:
    claim = f"a further million impressions: at most {GROWTH_S:.0f} CPU s"
    sizes = sorted(even, key=lambda size: size.impressions)
    if len(sizes) < 2 or sizes[-1].impressions < MILLION:
        return Bound(claim, "–", None)
    small, large = sizes[-2:]
    further = (large.impressions - small.impressions) / MILLION
    growth = (even[large].cpu_s - even[small].cpu_s) / further
    return Bound(claim, f"{growth:.1f} CPU s ({small} to {large})", growth <= GROWTH_S)


def _bound(claim: str, value: float | None, unit: str, held: bool) -> Bound:
    return Bound(claim, "–", None) if value is None else Bound(claim, f"{value:.2f} {unit}", held)
