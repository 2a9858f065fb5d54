"""`make bench-pit`: the as-of store against Feast's own offline stores, in one run; writes docs/point-in-time.md.

python -m tests.bench.pit --impressions 200000 --stores asof feast_spark     less of it
python -m tests.bench.pit --duckdb                                           with Feast's DuckDB store, which it fetches
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra import redis_server
from infra.settings import Settings
from tests.bench.pit import cases, filling, retrieval, rows
from tests.bench.pit.figures import EQUAL, FILLED, MILLION, REFERENCE, Row, bounds
from tests.bench.pit.page import page
from tests.bench.pit.rows import Size
from tests.bench.pit.stores import STORES
from tests.bench.pit.trial import Limits, Trial, measured

PAGE = Path(__file__).parents[3] / "docs" / "point-in-time.md"
SIZES = (200_000, MILLION, 5 * MILLION)
HOT = 0.2
DUCKDB = "feast_duckdb"
# What Feast's DuckDB store needs and nothing else here does: fetched into a folder of its own, never into the lock.
FETCHED = (
    "duckdb==1.5.6",
    "ibis-framework==12.0.0",
    "sqlglot==30.30.0",
    "atpublic==9.0.0",
    "parsy==2.2",
    "pyarrow-hotfix==0.7",
)
FOLDER = Path(".flywheel") / "bench" / "duckdb"
ABSENT = "absent: `python -m tests.bench.pit --duckdb` fetches what it needs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when a bound did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pit", description=__doc__.splitlines()[0])
    parser.add_argument("--impressions", type=int, nargs="+", default=SIZES, help="sizes, in ascending order")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    parser.add_argument("--entities", type=int, default=FILLED, help="how many to put online; 0 for none")
    parser.add_argument("--limit-s", type=float, default=1800.0, help="wall time of one store at one size")
    parser.add_argument("--limit-gib", type=float, default=12.0, help="memory of one store at one size")
    parser.add_argument("--duckdb", action="store_true", help=f"fetch {' and '.join(FETCHED[:2])} into {FOLDER}")
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args(arguments)
    packages = _fetched() if asked.duckdb else FOLDER if FOLDER.exists() else None
    run = Run(Limits(asked.limit_s, asked.limit_gib * 1024), packages, asked.stores)
    command = " ".join(["python -m tests.bench.pit", *(sys.argv[1:] if arguments is None else arguments)])
    measured_rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        answers_by_store = run.cases(Path(folder) / "cases")
        filled = run.filling(Path(folder) / "filled", asked.entities)
        for size, stores in run.sizes(asked.impressions):
            measured_rows += run.retrievals(Path(folder), size, stores)
            reached = list(bounds(measured_rows, filled))  # after each size: a run takes long, and may be ended
            asked.page.write_text(page(measured_rows, answers_by_store, reached, command))
    for bound in reached:
        print(f"{bound.word:>14}  {bound.claim}: {bound.reached}")
    return 1 if any(bound.held is False for bound in reached) else 0


class Run:
    """A run's limits, and the stores that take part."""

    def __init__(self, limits: Limits, packages: Path | None, stores: Sequence[str]) -> None:
        self.limits, self.packages, self.stores = limits, packages, stores

    def sizes(self, impressions: Sequence[int]) -> list[tuple[Size, list[str]]]:
        """Every size with its stores. Feast's file store drops rows: that is seen at the smallest size already."""
        sizes = [(Size(n), [s for s in self.stores if s != "feast_file" or n == min(impressions)]) for n in impressions]
        hot = max([n for n in impressions if n <= MILLION], default=min(impressions))
        return [*sizes, (Size(hot, HOT), [s for s in self.stores if s.startswith("asof")])]

    def retrievals(self, folder: Path, size: Size, stores: Sequence[str]) -> list[Row]:
        """The rows of one size. The first store that answers is what the others are compared with."""
        at = folder / f"{size.impressions}-{size.hot}"
        rows.write(at, size)
        done: list[Row] = []
        for store in stores:
            done.append(self._retrieval(at, size, store, done))
            print(f"{size}: {done[-1].title}: {done[-1].trial or done[-1].answers} {done[-1].answers}", flush=True)
        for path in at.rglob("*.parquet"):
            path.unlink()
        return done

    def _retrieval(self, at: Path, size: Size, store: str, before: Sequence[Row]) -> Row:
        if self._absent(store):
            return Row(size, store, None, ABSENT)
        trial = measured(["retrieve", store, str(at)], self.limits, self.packages)
        if trial.fault:
            return Row(size, store, trial, trial.fault)
        first = next((row.store for row in before if row.trial and not row.trial.fault), None)
        if first is None:
            return Row(size, store, trial, REFERENCE)
        lost, other = retrieval.different(at / f"{first}.parquet", at / f"{store}.parquet")
        wrong = [f"**{lost:,} rows dropped or repeated**"] * bool(lost) + [f"**{other:,} other values**"] * bool(other)
        return Row(size, store, trial, ", ".join(wrong) or EQUAL)

    def cases(self, folder: Path) -> dict[str, list[str]]:
        """Of each store what it makes of the cases."""
        folder.mkdir(parents=True)
        answers = {}
        for store in self.stores:
            absent = self._absent(store)
            trial = None if absent else measured(["cases", store, str(folder)], self.limits, self.packages)
            failed = ["absent" if trial is None else trial.fault] * len(cases.CASES)
            answers[store] = failed if trial is None or trial.fault else cases.outcomes(store, folder)
            print(f"cases: {STORES[store].title}: {trial or ABSENT}", flush=True)
        return answers

    def filling(self, folder: Path, entities: int) -> tuple[int, Trial] | None:
        """What it takes to put so many entities online, Redis not counted."""
        if not entities:
            return None
        filling.write(folder, entities)
        with redis_server.running(Settings(home=folder).redis_url, folder / "redis") as url:
            os.environ["FLYWHEEL_REDIS_URL"] = url
            trial = measured(["fill", "asof", str(folder)], self.limits)
        print(f"{entities:,} entities put online: {trial}", flush=True)
        return entities, trial

    def _absent(self, store: str) -> bool:
        return store == DUCKDB and self.packages is None


def _fetched() -> Path:
    """The folder with what the DuckDB store needs. Packages that we have ourselves are not fetched again."""
    if not FOLDER.exists():
        uv = [
            str(Path(sys.executable).with_name("uv")),
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(FOLDER),
        ]
        subprocess.run([*uv, "--python", sys.executable, *FETCHED], check=True)
    return FOLDER.absolute()


if __name__ == "__main__":
    sys.exit(main())
