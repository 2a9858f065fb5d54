"""Mutated releases, a few of those of `python -m tests.prove mutants`: each is refused before it is parsed."""

from pathlib import Path

import pytest

from tests.prove.mutants import Met, met
from tests.prove.mutator import KINDS, mutant

COUNT = 49  # each kind of mutation of each file


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[Met]:
    """What became of each of them."""
    each, deaths = met(tmp_path_factory.mktemp("home"), COUNT)
    assert len(each) + deaths == COUNT
    return each


def test_each_is_refused_before_it_is_parsed(seen: list[Met]) -> None:
    assert [one["signed"] for one in seen] == ["refused"] * len(seen)


def test_where_nothing_is_signed_the_child_refuses_what_is_broken(seen: list[Met]) -> None:
    models = [one for one in seen if one["file"] == "model.ubj"]
    assert models
    assert sum(one["child"] != 0 for one in models) > len(models) / 2
    accepted = [one for one in seen if one["child"] == 0]
    assert accepted, "a word of a list is another: that breaks nothing"
    assert all(one["loaded"] for one in accepted)


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_a_mutant_is_always_the_same_and_never_the_original(number: int, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4
    assert mutant(content, number) == mutant(content, number)
    assert mutant(content, number)[1] != content
    assert mutant(content, number + len(KINDS))[1] != mutant(content, number)[1]
