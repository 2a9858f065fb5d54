"""What the machinery decided is found again, newest last, also behind a line that a crash cut short."""

from datetime import UTC, datetime
from pathlib import Path

from infra.machine_decisions import FILE, MachineDecision, note, noted

AT = datetime(2026, 5, 1, tzinfo=UTC)


def test_decisions_are_found_again(tmp_path: Path) -> None:
    assert noted(tmp_path / "nothing yet") == []
    first = MachineDecision(AT, "advance", "its guardrails held", "7", {"users": 1200, "clicks": 0.031})
    note(tmp_path, first)
    note(tmp_path, second := MachineDecision(AT, "retrain", "drift in 2 of the last 3 windows"))
    assert noted(tmp_path) == [first, second]
    assert noted(tmp_path, newest=1) == [second]


def test_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    note(tmp_path, first := MachineDecision(AT, "abort", "errors above the limit", "8"))
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"at":"2026-05-01T00:00:00Z","did":"adv')
    assert noted(tmp_path) == [first]
    with (tmp_path / FILE).open("ab") as file:
        file.write(b"\n")
    note(tmp_path, second := MachineDecision(AT, "enter", "it passed its gates", "9"))
    assert noted(tmp_path) == [first, second]
