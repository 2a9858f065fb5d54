"""The ML Test Score counts what really ran: a test that is gone, failed or was skipped lowers it."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mltestscore import __main__ as command
from tests.mltestscore.evidence import Claim, Page, Seen, Test, outcomes, seen
from tests.mltestscore.rubric import RUBRIC

ROOT = Path(__file__).parents[2]
EVIDENCE = [evidence for tests in RUBRIC.values() for test in tests for evidence in test.shown_by]
ALL_RAN = Seen(
    frozenset((type(evidence), evidence.name) for evidence in EVIDENCE), frozenset({"make test", "make prove"})
)
CASE = '<testcase classname="tests.a.test_b" name="{name}">{inside}</testcase>'


def report(folder: Path, *cases: str) -> Path:
    path = folder / "report.xml"
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return path


def test_there_are_seven_tests_in_each_of_four_sections() -> None:
    assert [len(tests) for tests in RUBRIC.values()] == [7, 7, 7, 7]


def test_every_test_that_is_named_exists() -> None:
    for evidence in (evidence for evidence in EVIDENCE if isinstance(evidence, Test)):
        path, _, name = evidence.name.partition("::")
        functions = {node.name for node in ast.walk(ast.parse((ROOT / path).read_text()))
                     if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}  # fmt: skip
        assert name in functions, f"{evidence.name}: renamed or gone. Name it anew in tests/mltestscore/rubric.py."


def test_a_test_that_is_gone_lowers_the_sum_of_its_section() -> None:
    whole = command.section_sums(ALL_RAN)
    gone = RUBRIC["infrastructure"][0].shown_by[0]
    less = command.section_sums(replace(ALL_RAN, passed=ALL_RAN.passed - {(Test, gone.name)}))
    assert less == whole | {"infrastructure": whole["infrastructure"] - 1}


@pytest.mark.parametrize(
    ("inside", "passed"), [("", True), ("<failure/>", False), ("<error/>", False), ("<skipped/>", False)]
)
def test_a_test_passed_when_all_its_cases_did(tmp_path: Path, inside: str, passed: bool) -> None:
    cases = [CASE.format(name="test_c[1]", inside=""), CASE.format(name="test_c[2]", inside=inside)]
    assert outcomes(report(tmp_path, *cases)) == {"tests/a/test_b.py::test_c": passed}


def test_what_a_person_runs_counts_half(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "chaos.md").write_text("# Chaos")
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "ci.yml").write_text("      - run: make test PYTHON=python\n")
    ran = seen(report(tmp_path, CASE.format(name="test_c", inside="")), tmp_path)
    assert ran.worth(Test("tests/a/test_b.py::test_c")) == 1
    assert ran.worth(Page("chaos.md", "make chaos")) == 0.5
    assert ran.worth(Page("other.md", "make chaos")) == 0


def test_a_claim_counts_when_it_held_and_runs_by_itself_only_where_a_workflow_says_so(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    sections = [f"<!-- section: {name} -->\n## A\n\n{word}: `python`\n\n" for name, word in
                (("leaks", "held"), ("arrival", "**did not hold**"))]  # fmt: skip
    (tmp_path / "docs" / "truth.md").write_text("# What was proved\n\n" + "".join(sections))
    ran = seen(report(tmp_path), tmp_path)
    assert [ran.worth(Claim(name)) for name in ("leaks", "arrival", "gone")] == [0.5, 0, 0]
    assert replace(ran, automatic=frozenset({"make prove"})).worth(Claim("leaks")) == 1


def test_this_repositorys_workflows_run_tests_and_claims(tmp_path: Path) -> None:
    assert {"make test", "make prove"} <= seen(report(tmp_path), ROOT).automatic


def test_a_score_below_what_is_asked_ends_with_status_1_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--report", str(report(tmp_path)), "--page", str(tmp_path / "page.md")]) == 1
    told = capsys.readouterr().out
    assert "data: Feature expectations are captured in a schema" in told
    assert "missing (make test)" in told
    assert "**did not hold**" in (tmp_path / "page.md").read_text()


def test_without_a_report_it_says_how_to_get_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--report", str(tmp_path / "none.xml"), "--page", str(tmp_path / "page.md")]) == 1
    assert "Run `make test` first" in capsys.readouterr().err
