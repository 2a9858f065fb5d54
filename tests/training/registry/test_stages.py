"""The transitions between stages: those that there are, those that are refused, and the page that tells them."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import MoveRefused
from training.registry.moves import Action, Move
from training.registry.stages import ADVANCE, ALLOWED, GATES, REPLACED, TRANSITIONS, TRIAL, Stage, after
from training.registry.stages_page import PAGE, with_table
from training.registry.standing import Standing, standing

AT = datetime(2026, 5, 12, tzinfo=UTC)


def test_the_page_shows_the_transitions_that_the_code_allows() -> None:
    page = PAGE.read_text()
    assert with_table(page) == page, "python -m training.registry.stages_page writes it"
    assert page.count("| canary 25 |") > 3


def test_a_release_comes_to_all_askers_by_shares_that_only_grow() -> None:
    stage, shares = Stage.SHADOW, [0]
    while stage is not Stage.CHAMPION:
        stage = after("7", stage, ADVANCE)
        shares.append(stage.share)
    assert shares == [0, 5, 25, 50, 100]


def test_every_stage_is_reached_and_every_one_but_the_last_two_can_be_aborted() -> None:
    assert {t.after for t in TRANSITIONS} == {*Stage} - {Stage.REGISTERED}
    aborted_from = {t.before for t in TRANSITIONS if t.after is Stage.ABORTED}
    assert aborted_from == {*Stage} - {Stage.ABORTED}


@pytest.mark.parametrize(
    ("stage", "cause"),
    [(Stage.REGISTERED, "enter"), (Stage.REGISTERED, "promote"), (Stage.GATED, "advance"), (Stage.CHAMPION, "abort"),
     (Stage.ABORTED, "advance"), (Stage.RETIRED, "enter")],
)  # fmt: skip
def test_what_is_not_in_the_table_is_refused_with_what_is(stage: Stage, cause: str) -> None:
    with pytest.raises(MoveRefused, match=f"release 7 is {stage}: `{cause}` is not allowed from there, only"):
        after("7", stage, cause)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(get_args(Action)), st.integers(1, 4)), max_size=14))
def test_no_history_that_the_table_allows_has_two_champions_two_trials_or_a_stage_out_of_nowhere(
    steps: list[tuple[Action, int]],
) -> None:
    moves: list[Move] = []
    for number, (action, version) in enumerate(steps):
        before = standing(moves)
        move = made(before, action, str(version), AT + timedelta(minutes=number))
        if move is None:
            continue
        moves.append(move)
        now = standing(moves)
        stages = [*now.stages.values()]
        assert stages.count(Stage.CHAMPION) == (1 if now.live else 0)
        assert [v for v, stage in now.stages.items() if stage in TRIAL] == ([now.trial.version] if now.trial else [])
        assert all(now.stages[each] in {Stage.CHAMPION, Stage.RETIRED} for each in now.stack), "a way back to them"
        for each, stage in now.stages.items():
            was = before.stages.get(each, Stage.GATED)
            causes = {move.action, REPLACED} - {GATES}
            assert stage is was or stage in {ALLOWED[was, c].after for c in causes if (was, c) in ALLOWED}


def made(now: Standing, action: Action, version: str, at: datetime) -> Move | None:
    """The move that the registry would write, None where it would refuse."""
    trial = now.trial
    if action in {"advance", "pause", "resume"} and trial:
        version = trial.version
    if action == "rollback" and now.previous:
        version = now.previous
    elif action == "rollback" or (action in {"advance", "pause", "resume"} and not trial):
        return None
    if action == "enter" and (trial or now.live is None):
        return None
    if action in {"pause", "resume"}:
        return Move(at, action, now.live, version, "d", "ada", "why", stage=now.stages[version])
    try:
        stage = after(version, now.stages.get(version, Stage.GATED), action)
    except MoveRefused:
        return None
    if action == "abort" and now.live is None:
        return None
    told = "" if action in {"promote", "rollback"} else str(stage)
    return Move(at, action, now.live, version, "d", "ada", "why", stage=told)
