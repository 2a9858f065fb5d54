"""A section of docs/truth.md: one claim, how it was measured, and whether it held."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MARK = re.compile(r"^<!-- section: (\w+) -->\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Proof:
    """What one section measured: Markdown below its heading, and whether every bound in it held."""

    text: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One section: a name for the command line, a heading, and the function that measures in an empty folder."""

    name: str
    title: str
    measure: Callable[[Path], Proof]


def sections_of(page: str) -> dict[str, str]:
    """The sections of a page by name, each with its heading, in the page's order."""
    parts = MARK.split(page)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def with_proof(page: str, section: Section, proof: Proof, order: tuple[str, ...], head: str) -> str:
    """The page with one section replaced or added; sections that are no longer in `order` are dropped."""
    verdict = "held" if proof.passed else "**did not hold**"
    texts = sections_of(page)
    texts[section.name] = (
        f"## {section.title}\n\n{verdict}: `python -m tests.prove {section.name}`\n\n{proof.text.strip()}\n\n"
    )
    return head + "".join(f"<!-- section: {name} -->\n{texts[name]}" for name in order if name in texts)
