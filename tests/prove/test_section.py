"""docs/truth.md: a section is replaced alone, says whether its claim held, and goes when its claim is gone."""

import subprocess
import sys
from pathlib import Path

from tests.prove.section import Proof, Section, sections_of, with_proof

ROOT = Path(__file__).parents[2]
HEAD = "# Head\n\n"


def measured(folder: Path) -> Proof:
    return Proof(f"seen in {folder.name}", True)


def test_one_section_is_replaced_and_the_others_stay() -> None:
    order = ("leaks", "time")
    page = with_proof("", Section("time", "Time", measured), Proof("first", True), order, HEAD)
    page = with_proof(page, Section("leaks", "Leaks", measured), Proof("second", True), order, HEAD)
    page = with_proof(page, Section("time", "Time", measured), Proof("third", True), order, HEAD)
    assert page.startswith(HEAD)
    assert list(sections_of(page)) == ["leaks", "time"]
    assert "second" in page
    assert "third" in page
    assert "first" not in page


def test_a_claim_that_did_not_hold_says_so_in_its_first_line() -> None:
    page = with_proof("", Section("leaks", "Leaks", measured), Proof("2 of 16 passed", False), ("leaks",), HEAD)
    assert "## Leaks\n\n**did not hold**: `python -m tests.prove leaks`" in page


def test_a_section_whose_claim_is_gone_leaves_the_page() -> None:
    page = with_proof("", Section("old", "Old", measured), Proof("text", True), ("old",), HEAD)
    page = with_proof(page, Section("new", "New", measured), Proof("text", True), ("new",), HEAD)
    assert list(sections_of(page)) == ["new"]


def test_every_section_loads_and_an_unknown_one_is_named_beside_those_there_are() -> None:
    """In a process of its own, as every night: what tests have loaded before hides what does not load alone."""
    command = [sys.executable, "-m", "tests.prove", "leak"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "no section leak; there are leaks" in done.stderr
    there = done.stderr.rpartition("there are ")[2].split()
    assert set(sections_of((ROOT / "docs" / "truth.md").read_text())) <= {name.rstrip(",") for name in there}
