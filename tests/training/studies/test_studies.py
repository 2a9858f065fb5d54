"""Studies: what they find where the truth is known, what they refuse, and that no choice sees the judged rows."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from club import FEATURES as CLUB
from shop import AT, FEATURES, NAMES, TASK

from feature_repo.definition import CounterView, FeatureSet, ProfileView
from feature_repo.request_time import Count, Number, Rate
from feature_repo.systems.home_feed import HOME_FEED_FEATURES
from infra.errors import DefinitionError
from infra.settings import Settings
from training.contenders import Boosted
from training.definition import Between, Search, Task
from training.fitting.train import divided
from training.registry import experiment_id, mlflow_client
from training.rows.dataset import Dataset, dataset_of
from training.studies import (
    GroupCost,
    Refits,
    before_judging,
    feature_groups,
    group_costs,
    leave_groups_out,
    model_staleness,
    page_of,
    search_settings,
    seed_noise,
    thinned,
    write_page,
)
from training.studies.refits import lacking

TREES = Boosted(max_trees=12, params={"eta": 0.3, "max_depth": 4, "max_bin": 32, "nthread": 1, "subsample": 0.8})
SEARCHED = replace(
    TASK,
    contenders=(*TASK.contenders[:-1], TREES),
    draws=50,
    search=Search("xgboost", {"max_depth": Between(1, 5, integer=True), "eta": Between(0.05, 0.5, log=True)}, trials=3),
)


@pytest.fixture(scope="module")
def refits(shop: Dataset) -> Refits:
    return Refits.of(shop, SEARCHED)


def test_gains_stand_beside_the_noise_of_five_seeds(refits: Refits) -> None:
    study = seed_noise(refits, TREES)
    values = study.by_seed["ndcg_at_10"]
    assert len(set(values)) == 5, "another seed draws other rows"
    assert study.noise == pytest.approx(np.std(values, ddof=1))
    assert set(study.gains) == {"popularity", "recency", "best_column", "logistic_regression"}
    assert study.gains["recency"].low > 5 * study.noise, "trees understand what no column tells"
    page = page_of(study)
    assert f"{study.noise:.4f}" in page.text
    assert page.figures["ndcg_at_10_sd"] == study.noise


def test_a_column_has_no_seed_noise_and_gains_over_the_live_release_stand_beside_the_others(
    refits: Refits, built: Path
) -> None:
    study = seed_noise(refits, SEARCHED.contenders[0], seeds=2, live=built)
    assert study.noise == 0.0
    assert study.gains["the live release"].high < 0, "the live release is the shop's model"
    assert refits.of_release(built) is not None
    fewer = replace(refits, dataset=lacking(refits.dataset, ["taste"]))
    assert fewer.of_release(built) is None, "it reads a feature that is no more"


def taste_turns(shop: Dataset, day: int) -> Dataset:
    """The shop, in which taste means its opposite before a day."""
    matrix = shop.matrix.copy()
    early = shop.times() < shop.times().min().astype("datetime64[D]") + np.timedelta64(day, "D")
    matrix[early, 2] *= -1
    return replace(shop, matrix=matrix)


def test_an_older_model_loses_where_the_world_has_turned(shop: Dataset) -> None:
    study = model_staleness(taste_turns(shop, 7), SEARCHED, TREES, (0, 1, 3, 6))
    loss = {age: study.means()[0].value - mean.value for age, mean in study.means().items()}
    assert loss[6] > 0.1, "it learned only from days before the turn"
    assert loss[6] > loss[1]
    assert study.judged.isoformat() == "2026-05-11"
    assert [row[:2] for row in study.rows()][-1] == ["6 d", "2026-05-04"]


def test_models_of_each_age_learn_from_nothing_later_than_their_age(shop: Dataset) -> None:
    """What happened on the days before the judged one is known to the freshest model alone."""
    end = shop.times().max().astype("datetime64[D]")
    latest = (shop.times() >= end - np.timedelta64(3, "D")) & (shop.times() < end)
    frame = shop.frame.copy()
    frame.loc[latest, "bought"] = 1 - frame.loc[latest, "bought"]
    frame.loc[latest, "gain"] = frame.loc[latest, "bought"]
    as_it_was = model_staleness(shop, SEARCHED, TREES, (0, 3))
    changed = model_staleness(replace(shop, frame=frame), SEARCHED, TREES, (0, 3))
    assert changed.means()[3].value == as_it_was.means()[3].value
    assert changed.means()[0].value < as_it_was.means()[0].value - 0.05


def test_a_set_of_too_few_days_is_refused_with_what_is_needed(shop: Dataset) -> None:
    with pytest.raises(DefinitionError, match=r"need 13 days of labels; the training set has 11.*--ages"):
        model_staleness(shop, SEARCHED, TREES, (0, 10))
    with pytest.raises(DefinitionError, match=r"ages \[-1, 0\] are not days of 0 or more"):
        model_staleness(shop, SEARCHED, TREES, (-1, 0))


def test_a_group_that_tells_nothing_is_proposed_and_one_that_tells_much_is_not(shop: Dataset) -> None:
    study = leave_groups_out(shop, SEARCHED, VIEWS, TREES, margin=0.02)
    assert study.losses["taste_view"].low > 0.02
    assert "age_view" in study.proposal
    assert "taste_view" not in study.proposal
    costs = dict.fromkeys(study.losses, GroupCost(0, 0.0, 0.0))
    assert "| drop |" in page_of(study, costs).text


def test_a_page_is_kept_below_the_reports_and_in_mlflow_with_what_it_cost(home: Settings, shop: Dataset) -> None:
    page = page_of(model_staleness(shop, SEARCHED, TREES, (0,)))
    path = write_page(home, "shop", page, AT, cpu_s=12.4)
    assert path == home.reports / "studies" / "shop" / "staleness.md"
    assert path.read_text().endswith("As of 2026-05-12 00:00 UTC; it took 12 s of CPU.\n")
    [run] = mlflow_client(home).search_runs([experiment_id(home, "shop")])
    assert run.data.metrics == {
        "study/staleness/ndcg_at_10_0d": page.figures["ndcg_at_10_0d"],
        "study/staleness/cpu_s": 12.4,
    }
    assert run.info.run_name == "study staleness 2026-05-12"
    assert run.info.status == "FINISHED"


VIEWS = replace(
    FEATURES,
    entities={"ware": "a ware"},
    profile_views=tuple(
        ProfileView(f"{name}_view", "wares", ("ware",), {"x": ("Float32", "x")}, name) for name in NAMES
    ),
    features=tuple(Number(name, f"{name}_view.x") for name in NAMES),
)


COUNTED = replace(
    CLUB,
    signals=(*CLUB.signals, replace(CLUB.signals[0], name="seen")),
    counter_views=(CounterView("guest", ("guest",), {"bought": ("1d", "30d"), "seen": ("30d",)}, "a guest"),),
    features=(Count("a", "guest.bought_1d"), Rate("b", "guest.bought_30d", "guest.seen_30d", 0.1, 5.0)),
)


def test_bytes_online_are_counted_once_and_only_where_nobody_else_reads_them() -> None:
    frame, matrix = pd.DataFrame(), np.array([[1, np.nan], [np.nan, np.nan]], dtype=np.float32)
    data = dataset_of(frame, matrix, ("a", "b"), (), {})
    together = group_costs(COUNTED, {"both": ("a", "b")}, data, {"guest": 10})["both"]
    assert together.online_bytes == 10 * (24 + 3 * 4), "the record, which nobody else reads"
    assert together.unknown == 0.75
    apart = group_costs(COUNTED, {"one": ("a",), "two": ("b",)}, data, {"guest": 10})
    assert [apart[name].online_bytes for name in ("one", "two")] == [10 * 4, 10 * 2 * 4]
    assert [apart[name].unknown for name in ("one", "two")] == [0.5, 1.0]
    assert all(cost.micros > 0 for cost in apart.values())


@pytest.mark.parametrize("features", [COUNTED, HOME_FEED_FEATURES], ids=lambda f: f.name)
def test_every_feature_is_in_one_group_whose_cost_can_be_told(features: FeatureSet) -> None:
    names = tuple(feature.name for feature in features.features)
    groups = feature_groups(features, names)
    assert sorted(name for group in groups.values() for name in group) == sorted(names)
    data = dataset_of(pd.DataFrame(), np.zeros((1, len(names)), dtype=np.float32), names, (), {})
    assert set(group_costs(features, groups, data, {})) == set(groups)


def later_rows_changed(shop: Dataset, task: Task) -> Dataset:
    """The shop with other labels, gains and features in every row that is judged."""
    judged = divided(shop, task)["judge"]
    frame, matrix = shop.frame.copy(), shop.matrix.copy()
    frame.loc[judged, "bought"] = 1 - frame.loc[judged, "bought"]
    frame.loc[judged, "gain"] = frame.loc[judged, "bought"]
    matrix[judged] = matrix[judged][::-1]
    return replace(shop, frame=frame, matrix=matrix)


def test_the_search_never_sees_a_judged_row_and_repeats_itself(shop: Dataset) -> None:
    first, again = search_settings(shop, SEARCHED), search_settings(later_rows_changed(shop, SEARCHED), SEARCHED)
    assert [trial.params for trial in first.trials] == [trial.params for trial in again.trials]
    assert [trial.reached for trial in first.trials] == [trial.reached for trial in again.trials]
    assert again.best == first.best
    assert np.array_equal(again.gain.samples, first.gain.samples)


def test_what_is_chosen_on_lies_before_the_judged_rows(shop: Dataset) -> None:
    earlier, _ = before_judging(shop, SEARCHED)
    judged = divided(shop, SEARCHED)["judge"]
    assert earlier.times().max() + np.timedelta64(timedelta(minutes=30)) <= shop.times()[judged].min()
    assert not set(earlier.frame["list"]) & set(shop.frame["list"].iloc[judged])


def test_the_best_settings_replace_those_of_the_definition_and_nothing_else(shop: Dataset) -> None:
    outcome = search_settings(shop, replace(SEARCHED, contenders=(*TASK.contenders[:-1], replace(TREES, max_trees=1))))
    assert len(outcome.trials) == 3
    assert all(1 <= t.params["max_depth"] <= 5 and 0.05 <= t.params["eta"] <= 0.5 for t in outcome.trials)
    task = outcome.task(SEARCHED)
    assert task.contenders[:-1] == SEARCHED.contenders[:-1]
    assert dict(task.contenders[-1].params) == {**TREES.params, **outcome.best.params}  # type: ignore[attr-defined]
    assert "as defined" in page_of(outcome).text


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (replace(SEARCHED, search=None), "no search is defined"),
        (replace(SEARCHED, search=Search("recency", {})), "contender recency has no settings to search"),
        (replace(SEARCHED, search=Search("xgbost", {})), "Did you mean `xgboost`"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(shop: Dataset, task: Task, reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        search_settings(shop, task)


def test_a_space_without_anything_between_its_ends_is_refused() -> None:
    with pytest.raises(DefinitionError, match="nothing to try"):
        Between(0.3, 0.1)


def test_thinning_keeps_whole_lists_and_about_the_rows_asked_for(shop: Dataset) -> None:
    fewer = thinned(shop, TASK, 3_000)
    assert 2_500 < len(fewer.frame) < 3_500
    assert (fewer.frame["list"].value_counts() == shop.frame["list"].value_counts().iloc[0]).all()
    assert thinned(shop, TASK, len(shop.frame)) is shop
