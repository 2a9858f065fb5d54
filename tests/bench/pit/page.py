"""docs/point-in-time.md: the figures of a run of `make bench-pit` for people."""

from collections.abc import Iterable, Mapping, Sequence

from tests.bench.pit.cases import CASES
from tests.bench.pit.figures import Bound, Row
from tests.bench.pit.stores import STORES

HEAD = """# Points in time

Written by `make bench-pit` ([tests/bench/pit](../tests/bench/pit)). Figures are of the machine and the hour of the last
run.

Feast's own SDK asks each offline store for the same impressions, each with 12 features of three views, one of them with
a compound key. A view has as many rows as there are impressions, ten to twenty for each user or video. Every store
runs in a process of its own: CPU seconds (user and system, of Python, Java and all they start, imports included) and
the peak of resident memory are of its whole process tree, read every 0.2 s.
"""
WRONG = """## Where they are wrong

Cases computed by hand. The first value is what the store answers, the second what is right.
"""
LEAKS = """
A row counts from its event time on unless the question says `filter_by_created_timestamp`: that is Feast's contract,
and every store keeps it. The event time of Flywheel's own views is the moment since which the row is known, so that a
question asked as usual cannot see what came later ([design.md](design.md)).
"""
Cells = Sequence[object]


def page(
    rows: Sequence[Row], cases: Mapping[str, Sequence[str]], bounds: Sequence[Bound], command: str
) -> str:  # fmt: skip
    """The whole page."""
    held = sum(bound.held is True for bound in bounds)
    parts = [
        HEAD,
        f"{held} of {len(bounds)} bounds held: `{command}`\n",
        table(("bound", "reached", ""), ((b.claim, b.reached, b.word) for b in bounds)),
        "## What it costs, and whether the answers are equal\n",
        table(("impressions", "store", "CPU s", "peak MiB", "s", "answers"), map(_cells, rows)),
        WRONG,
        table(("", *(STORES[name].title for name in cases)),
              ((case.claim, *(answers[i] for answers in cases.values())) for i, case in enumerate(CASES))),
        LEAKS,
    ]  # fmt: skip
    return "\n".join(parts)


def table(head: Cells, rows: Iterable[Cells]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |\n" for line in lines)


def _cells(row: Row) -> Cells:
    trial = row.trial
    if trial is None:
        return (row.size, row.title, "–", "–", "–", row.answers)
    return (row.size, row.title, f"{trial.cpu_s:.1f}", f"{trial.peak_mib:,.0f}", f"{trial.wall_s:.0f}", row.answers)
