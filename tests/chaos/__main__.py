"""`make chaos`: every fault against the real service under load, and docs/chaos.md written from the outcome."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.chaos.cases import CASE_FAULTS, CaseStage, decided
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.page import broken, page
from tests.chaos.stage import Stage
from tests.chaos.trial import Course, Judging, judged, tried

PAGE = Path(__file__).parents[2] / "docs" / "chaos.md"
PAGE_OF_CASES = PAGE.with_name("chaos-decide.md")


def main() -> int:
    """Exit status 1 when a promise was broken; the page says which."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", default="", help="only faults whose name contains this, without writing the page")
    parser.add_argument("--rate", type=float, default=Course().rate, help="requests a second")
    parser.add_argument("--cases", action="store_true", help="only the service that decides cases")
    options = parser.parse_args()
    course = Course(rate=options.rate)
    well = _run(CaseStage, CASE_FAULTS, decided, course, options.only, PAGE_OF_CASES)
    if not options.cases:
        well &= _run(Stage, FAULTS, judged, course, options.only, PAGE)
    return 0 if well else 1


def _run(
    made: type[Stage], faults: Sequence[Fault], judge: Judging, course: Course, only: str, target: Path
) -> bool:  # fmt: skip
    """Do the faults to one stage and write its page; returns whether every promise was kept."""
    out, seen = Console(highlight=False), []
    with tempfile.TemporaryDirectory() as home, made(Path(home)) as stage:
        for fault in (fault for fault in faults if only in fault.name):
            out.print(f"[dim]{fault.name} …[/]")
            seen.append(tried(stage, fault, course, judge))
            promises_broken = broken(seen[-1])
            says = (
                "; ".join(promises_broken) or f"p95 {seen[-1].p95_ms[1]:.0f} ms, well after {seen[-1].recovery_s:.0f} s"
            )
            out.print(f"  {'[red]✗[/]' if promises_broken else '[green]✓[/]'} {fault.name}: {says}")
            p95, late = ([f"{ms:.0f}" for ms in of] for of in (seen[-1].p95_ms, seen[-1].late_ms))
            out.print(
                f"    [dim]{seen[-1].rungs}, p95 {p95} ms, sent late {late} ms, starved {seen[-1].starved:.0%}[/]"
            )
    if not only:
        target.write_text(page(seen, course, stage.settings.service_workers))
    return not any(broken(one) for one in seen)


if __name__ == "__main__":
    sys.exit(main())
