"""`make prove`: claims too long for `make test`, measured one by one; each writes its section of docs/truth.md.

python -m tests.prove              all of them
python -m tests.prove NAME …       only these; the other sections of the page stay as they are
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.prove.alarms import ALARMS
from tests.prove.arrival import ARRIVAL
from tests.prove.comparisons import COMPARISONS
from tests.prove.erasure import ERASURE
from tests.prove.exposure import EXPOSURE
from tests.prove.freshness import FRESHNESS
from tests.prove.influence import INFLUENCE
from tests.prove.leaks import LEAKS
from tests.prove.learning import LEARNING
from tests.prove.mutants import MUTANTS
from tests.prove.offpolicy import OFFPOLICY
from tests.prove.persons import PERSONS
from tests.prove.perturbation import PERTURBATION
from tests.prove.rollback import ROLLBACK
from tests.prove.section import Section, with_proof
from tests.prove.selection import SELECTION
from tests.prove.transactions import TRANSACTIONS
from tests.prove.trials import TRIALS

PAGE = Path(__file__).parents[2] / "docs" / "truth.md"
HEAD = """# What was proved

Written by `make prove`. Each section is one claim, measured by the command it names; a bound that did not hold is
said in its first line. Figures are of the machine and the hour of the last run.

"""
SECTIONS: tuple[Section, ...] = (
    LEAKS, PERTURBATION, ARRIVAL, COMPARISONS, FRESHNESS, OFFPOLICY, LEARNING, INFLUENCE, EXPOSURE, PERSONS, ERASURE,
    SELECTION, TRANSACTIONS, ROLLBACK, MUTANTS, ALARMS, TRIALS,
)  # fmt: skip


def main() -> int:
    """Exit status 1 when a claim did not hold."""
    names = tuple(section.name for section in SECTIONS)
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"sections to measure: {', '.join(names)}")
    wanted = parser.parse_args().only or names
    if unknown := sorted(set(wanted) - set(names)):
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(names)}")
    out, failed = Console(highlight=False), []
    for section in (section for section in SECTIONS if section.name in wanted):
        out.print(f"[dim]{section.name}: {section.title} …[/]")
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            proof = section.measure(Path(folder))
        page = PAGE.read_text() if PAGE.exists() else ""
        PAGE.write_text(with_proof(page, section, proof, names, HEAD))
        out.print(f"  {'[green]✓[/]' if proof.passed else '[red]✗[/]'} {time.monotonic() - began:,.0f} s")
        failed += [] if proof.passed else [section.name]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
