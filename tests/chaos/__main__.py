"""`make chaos`: every fault against the real service under load, and docs/chaos.md written from the outcome."""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.chaos.faults import FAULTS
from tests.chaos.page import broken, page
from tests.chaos.stage import Stage
from tests.chaos.trial import Course, tried

PAGE = Path(__file__).parents[2] / "docs" / "chaos.md"


def main() -> int:
    """Exit status 1 when a promise was broken; the page says which."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", default="", help="only faults whose name contains this, without writing the page")
    parser.add_argument("--rate", type=float, default=Course().rate, help="requests a second")
    options = parser.parse_args()
    out, course, seen = Console(highlight=False), Course(rate=options.rate), []
    with tempfile.TemporaryDirectory() as home, Stage(Path(home)) as stage:
        for fault in (fault for fault in FAULTS if options.only in fault.name):
            out.print(f"[dim]{fault.name} …[/]")
            seen.append(tried(stage, fault, course))
            promises_broken = broken(seen[-1])
            says = (
                "; ".join(promises_broken) or f"p95 {seen[-1].p95_ms[1]:.0f} ms, well after {seen[-1].recovery_s:.0f} s"
            )
            out.print(f"  {'[red]✗[/]' if promises_broken else '[green]✓[/]'} {fault.name}: {says}")
            p95, late = ([f"{ms:.0f}" for ms in of] for of in (seen[-1].p95_ms, seen[-1].late_ms))
            out.print(
                f"    [dim]{seen[-1].rungs}, p95 {p95} ms, sent late {late} ms, starved {seen[-1].starved:.0%}[/]"
            )
    if not options.only:
        PAGE.write_text(page(seen, course, stage.settings.service_workers))
    return 1 if any(broken(one) for one in seen) else 0


if __name__ == "__main__":
    sys.exit(main())
