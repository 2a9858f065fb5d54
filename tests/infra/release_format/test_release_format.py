"""The files of a release: written the way they always were, and read the same on both sides."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from infra.errors import ReleaseMismatch
from infra.release_format import models, popular_lists
from infra.release_format.live_pointer import LivePointer, NamedRelease, read_champion, read_live_pointer
from serving.model import scorer
from training.contenders import FittedColumn, FittedLinear

ROWS = np.array([[1.0, 2.0], [np.nan, 2.0], [3.0, np.nan]], dtype=np.float32)
COLUMN = FittedColumn("age", 1, -1.0, False)
RATE = FittedColumn("rate", 0, 1.0, True)
LINEAR = FittedLinear(("age", "rate"), np.array([0.5, 1.0]), np.array([2.0, 0.5]), np.array([0.1, -3.0]), 0.25)
POPULAR = popular_lists.Popular(["a"], {"north": ["b", "a"]}, ["c"], {"a": {"born": 1, "state": None}})
POINTER = LivePointer(NamedRelease("2", "2", "ff"), NamedRelease("1", "1"))

WRITTEN: dict[str, tuple[Any, bytes]] = {
    "a column": (
        COLUMN,
        b'{"kind":"column","feature":"age","index":1,"sign":-1.0,"missing":-1000000000.0}',
    ),
    "a rate": (RATE, b'{"kind":"column","feature":"rate","index":0,"sign":1.0,"missing":0.0}'),
    "a logistic regression": (
        LINEAR,
        b'{"kind":"linear","intercept":0.25,"mean":[0.5,1.0],"scale":[2.0,0.5],"fill":[0.5,1.0],'
        b'"coefficients":[0.1,-3.0]}',
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_model_is_written_to_the_byte_as_releases_have_it(name: str, tmp_path: Path) -> None:
    fitted, content = WRITTEN[name]
    assert fitted.save(tmp_path) == tmp_path / "model.json"
    assert (tmp_path / "model.json").read_bytes() == content


@pytest.mark.parametrize("name", WRITTEN)
def test_the_service_scores_what_training_wrote_as_training_does(name: str, tmp_path: Path) -> None:
    fitted, _ = WRITTEN[name]
    fitted.save(tmp_path)
    np.testing.assert_allclose(scorer.load_scorer(fitted.kind, tmp_path).score(ROWS), fitted.scores(ROWS), rtol=1e-6)


def test_a_model_of_another_kind_than_asked_for_is_not_read(tmp_path: Path) -> None:
    COLUMN.save(tmp_path)
    with pytest.raises(msgspec.ValidationError):
        models.read_model(tmp_path, models.LinearModel)


def test_lists_and_pointer_are_written_to_the_byte_as_they_were(tmp_path: Path) -> None:
    popular_lists.write_popular(tmp_path, POPULAR)
    assert (tmp_path / "popular.json").read_bytes() == (
        b'{"all":["a"],"by_group":{"north":["b","a"]},"fresh":["c"],"items":{"a":{"born":1,"state":null}}}'
    )
    assert popular_lists.read_popular(tmp_path) == POPULAR
    assert msgspec.json.encode(POINTER) == (
        b'{"champion":{"version":"2","path":"2","manifest_sha256":"ff"},'
        b'"previous":{"version":"1","path":"1","manifest_sha256":""},"challenger":null,"epoch":0}'
    )


@pytest.mark.parametrize(
    ("content", "champion"),
    [
        (msgspec.json.encode(POINTER), POINTER.champion),
        (b'{"champion":{"version":"2"}}', NamedRelease("2")),
        (b'{"champion":{"version":"2","more":1},"previous":"of another version"}', NamedRelease("2")),
        (b'{"champion":null}', None),
        (b"{}", None),
    ],
    ids=["as written", "the version alone", "what is not needed is not read", "no champion", "empty"],
)
def test_the_service_takes_the_champion_and_minds_nothing_else(
    content: bytes, champion: NamedRelease | None, tmp_path: Path
) -> None:
    path = tmp_path / "live.json"
    path.write_bytes(content)
    assert read_champion(path) == champion


def test_a_pointer_that_cannot_be_read_is_none_to_the_registry_and_a_reason_to_the_service(tmp_path: Path) -> None:
    path = tmp_path / "live.json"
    assert read_live_pointer(path) is read_champion(path) is None, "there is none yet"
    path.write_bytes(b'{"champion":{"path":"2"}}')
    assert read_live_pointer(path) is None
    with pytest.raises(ReleaseMismatch, match=r"the champion has no version\. Promote one"):
        read_champion(path)
    path.write_bytes(msgspec.json.encode(POINTER)[:20])
    assert read_live_pointer(path) is None
    with pytest.raises(ValueError, match="truncated"):
        read_champion(path)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (LivePointer(NamedRelease("2", "", "ff"), NamedRelease("1", "1", "ab")), True),
        (LivePointer(NamedRelease("2", "elsewhere", "ff"), NamedRelease("1", "1", "ab")), False),
        (LivePointer(NamedRelease("2", "2", "f0"), NamedRelease("1", "1")), False),
        (LivePointer(NamedRelease("2", "2", "ff")), False),
    ],
    ids=["an empty digest is not compared", "another folder", "another manifest", "nothing to roll back to"],
)
def test_pointers_name_the_same_when_versions_folders_and_known_digests_agree(other: LivePointer, same: bool) -> None:
    assert POINTER.names(other) is same
    assert other.names(POINTER) is same
