"""A feature that arrives null in one region is named with its region, without a hint; where nothing is wrong, none."""

import numpy as np
import pytest

from monitoring.definition import Watch
from monitoring.diagnosis import Diagnosis, diagnose
from monitoring.reference import Reference
from monitoring.slices import measure, parts_of

NAMES = tuple(f"rate_{n}" for n in range(20))
WATCH = Watch(critical=NAMES[:5])
REGIONS = np.array(["north", "south", "east", "west"])
Rows = tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]


def served(seed: int, users: int = 400, rows: int = 8_000) -> Rows:
    """Rows of users with habits of their own, who live in a region and have a device."""
    rng = np.random.default_rng(seed)
    habits, region = rng.normal(size=(users, len(NAMES))), rng.integers(0, 4, users)
    device, user = rng.integers(0, 2, users), rng.integers(0, users, rows)
    matrix = (0.9 * habits[user] + 0.4 * rng.normal(size=(rows, len(NAMES)))).astype(np.float32)
    words = {"region": REGIONS[region[user]], "device": np.array(["phone", "tv"])[device[user]]}
    return matrix, user, words


def score(matrix: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.nan_to_num(matrix[:, :3]).sum(axis=1)))


@pytest.fixture(scope="module")
def reference() -> Reference:
    matrix, users, words = served(0)
    of_all = Reference.of(matrix, NAMES, score(matrix), users=users)
    happened = (score(matrix) > 0.5).astype(float)
    return of_all.with_slices(matrix, score(matrix), parts_of(words), users, happened)


def asked(reference: Reference, rows: Rows, again: np.ndarray | None = None, **more: np.ndarray) -> Diagnosis:
    matrix, users, words = rows
    scores = more.pop("scores", score(matrix))
    return diagnose(reference, matrix, matrix if again is None else again, scores, words, WATCH, users, **more)


def without(matrix: np.ndarray, feature: int, rows: np.ndarray) -> np.ndarray:
    changed = matrix.copy()
    changed[rows, feature] = np.nan
    return changed


@pytest.mark.parametrize("feature", [1, 13], ids=["a critical one", "any other one"])
@pytest.mark.parametrize("region", REGIONS[:2])
def test_a_feature_that_arrives_null_in_one_region_is_named_with_the_region(
    reference: Reference, feature: int, region: str
) -> None:
    matrix, users, words = served(1)
    broken = without(matrix, feature, words["region"] == region)
    found = asked(reference, (broken, users, words), again=matrix, happened=(score(matrix) > 0.6).astype(float))
    assert (found.feature, found.where, found.cause) == (NAMES[feature], f"region={region}", "serving")
    text = "\n".join(found.lines())
    assert text.index("1. null rates") < text.index("2. score") < text.index("3. data or model")
    assert f"{NAMES[feature]} in region={region}: null in 100.0%" in text
    assert "in training" in found.happened[0]


def test_where_training_finds_no_values_either_it_is_the_data(reference: Reference) -> None:
    matrix, users, words = served(1)
    broken = without(matrix, 4, words["region"] == "east")
    assert asked(reference, (broken, users, words)).cause == "data"


def test_half_of_a_regions_rows_are_enough(reference: Reference) -> None:
    matrix, users, words = served(1)
    half = (words["region"] == "west") & (users % 2 == 0)
    found = asked(reference, (without(matrix, 7, half), users, words), again=matrix)
    assert (found.feature, found.where) == (NAMES[7], "region=west")


def test_what_is_null_everywhere_is_no_regions_fault(reference: Reference) -> None:
    matrix, users, words = served(1)
    found = asked(reference, (without(matrix, 7, np.ones(len(matrix), bool)), users, words), again=matrix)
    assert (found.feature, found.where) == (NAMES[7], "all")


def test_scores_that_move_while_no_input_does_are_the_models(reference: Reference) -> None:
    rows = served(1)
    found = asked(reference, rows, scores=score(rows[0]) ** 4)
    assert (found.cause, found.feature, found.where) == ("model", "", "all")
    assert "as in training" in found.lines()[1]


def test_where_nothing_is_wrong_nothing_is_named(reference: Reference) -> None:
    for seed in range(1, 6):
        found = asked(reference, served(seed))
        assert not found.found, found.lines()
        assert "nothing found" in found.lines()[-1]


def test_few_rows_say_nothing(reference: Reference) -> None:
    assert asked(reference, served(1, rows=500)).cause == "not enough rows"


def test_words_that_training_never_saw_are_told_with_their_share(reference: Reference) -> None:
    matrix, users, words = served(1)
    words["region"] = np.where(users % 10 == 0, "moon", words["region"])
    unseen = measure(reference, matrix, None, words, WATCH, users).unseen
    assert list(unseen) == ["region=moon"]
    assert 0.05 < unseen["region=moon"] < 0.15
    assert not measure(reference, *served(1)[:1], None, served(1)[2], WATCH, users).unseen
