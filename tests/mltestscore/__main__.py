"""`make score`: the ML Test Score of this repository, from what really ran; writes docs/mltestscore.md.

python -m tests.mltestscore --report REPORT.xml      of another report than the last `make test` wrote
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.mltestscore.evidence import WORDS, Claim, Evidence, Page, Seen, Test, seen
from tests.mltestscore.rubric import RUBRIC, RubricTest

ROOT = Path(__file__).parents[2]
REPORT = ROOT / ".pytest_cache" / "report.xml"
PAGE = ROOT / "docs" / "mltestscore.md"
ASKED = 5.0
HEAD = """# ML Test Score

Written by `make score`: the 28 tests of Breck et al. (2017), *The ML Test Score: A Rubric for ML Production Readiness*,
and what shows each of them here. A test counts 1 where all that shows it ran by itself and passed (`make test` for
every change, `make prove` every night), 0.5 where a part is run by a person, 0 where a part is missing or did not pass.
The score is the smallest sum of the four sections.

"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when the score is below the one asked for, or there is no report."""
    parser = argparse.ArgumentParser(prog="python -m tests.mltestscore", description=__doc__.splitlines()[0])
    parser.add_argument("--report", type=Path, default=REPORT, help="JUnit XML of a test run")
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args(arguments)
    if not asked.report.exists():
        print(f"{asked.report}: there is no report of a test run. Run `make test` first.", file=sys.stderr)
        return 1
    ran = seen(asked.report, ROOT)
    asked.page.write_text(page(ran))
    sums = section_sums(ran)
    print(f"{min(sums.values()):g}: " + ", ".join(f"{name} {total:g}" for name, total in sums.items()))
    for name, tests in RUBRIC.items():
        for test in tests:
            for evidence in (e for e in test.shown_by if ran.worth(e) < 1):
                print(f"  {name}: {test.claim}: {evidence.name}: {WORDS[ran.worth(evidence)]} ({evidence.word})")
    return 0 if min(sums.values()) >= ASKED else 1


def score(test: RubricTest, ran: Seen) -> float:
    """What a test is worth: as much as its weakest evidence."""
    return min(ran.worth(evidence) for evidence in test.shown_by)


def section_sums(ran: Seen) -> dict[str, float]:
    """The sum of each section."""
    return {name: sum(score(test, ran) for test in tests) for name, tests in RUBRIC.items()}


def page(ran: Seen) -> str:
    """The whole page."""
    sums = section_sums(ran)
    least = min(sums.values())
    verdict = "held" if least >= ASKED else "**did not hold**"
    parts = [HEAD, f"**{least:g}** of 7; at least {ASKED:g}: {verdict}.\n\n| section | sum |\n| --- | --- |\n"]
    parts += [f"| {name} | {total:g} |\n" for name, total in sums.items()]
    for name, tests in RUBRIC.items():
        parts.append(f"\n## {name.capitalize()}\n\n|  | test | shown by |\n| --- | --- | --- |\n")
        for test in tests:
            shown = "<br>".join(_shown(evidence, ran) for evidence in test.shown_by)
            parts.append(f"| {score(test, ran):g} | {test.claim} | {shown} |\n")
    return "".join(parts)


def _shown(evidence: Evidence, ran: Seen) -> str:
    worth = WORDS[ran.worth(evidence)]
    match evidence:
        case Test(name):
            path, _, test = name.partition("::")
            text = f"{test} in [{path}](../{path})"
        case Claim(name):
            text = f"section {name} of [truth.md](truth.md)"
        case Page(name, word):
            text = f"[{name}]({name}), written by `{word}`"
    return text if worth == "automatic" else f"{text}: **{worth}**"


if __name__ == "__main__":
    sys.exit(main())
