"""What shows one of the 28 tests: a test of ours, a claim that `make prove` measures, or a page that a word writes.

Each says by which word of make it runs. Whether that word runs by itself is read from the workflows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.prove.section import sections_of

AUTOMATIC, BY_HAND, MISSING = 1.0, 0.5, 0.0
WORDS = {AUTOMATIC: "automatic", BY_HAND: "by hand", MISSING: "missing"}


@dataclass(frozen=True, slots=True)
class Test:
    """A test of `make test`, `path::name`: it counts when it ran in the last report and passed with all parameters."""

    __test__ = False  # for pytest, which would collect it by its name
    name: str
    word: str = "make test"


@dataclass(frozen=True, slots=True)
class Claim:
    """A section of docs/truth.md: it counts when it held at the last `make prove`."""

    name: str
    word: str = "make prove"


@dataclass(frozen=True, slots=True)
class Page:
    """A page below docs/ that a word of make writes: it counts when it is there."""

    name: str
    word: str


Evidence = Test | Claim | Page


@dataclass(frozen=True, slots=True)
class Seen:
    """What really ran: `passed` are evidences that hold, by their type and name; `automatic` are words in workflows."""

    passed: frozenset[tuple[type[Evidence], str]]
    automatic: frozenset[str]

    def worth(self, evidence: Evidence) -> float:
        """1 where it holds and runs by itself, 0.5 where it holds and a person runs it, else 0."""
        if (type(evidence), evidence.name) not in self.passed:
            return MISSING
        return AUTOMATIC if evidence.word in self.automatic else BY_HAND


def seen(report: Path, root: Path) -> Seen:
    """What the last runs say: the report of the tests (JUnit XML), and the pages and workflows of the repository."""
    tests = {(Test, name) for name, passed in outcomes(report).items() if passed}
    truth = root / "docs" / "truth.md"
    sections = sections_of(truth.read_text()) if truth.exists() else {}
    claims = {(Claim, name) for name, text in sections.items() if "\n\nheld: `" in text}
    pages = {(Page, path.name) for path in (root / "docs").glob("*.md")}
    workflows = "\n".join(path.read_text() for path in sorted((root / ".github" / "workflows").glob("*.yml")))
    words = {" ".join(line.split("make ", 1)[1].split()[:1]) for line in workflows.splitlines() if "run: make " in line}
    return Seen(frozenset(tests | claims | pages), frozenset(f"make {word}" for word in words))


def outcomes(report: Path) -> Mapping[str, bool]:
    """Of each test of a report, without its parameters, whether all its cases passed; a skipped one did not."""
    passed: dict[str, bool] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '').partition('[')[0]}"
        failed = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        passed[name] = passed.get(name, True) and not failed
    return passed
