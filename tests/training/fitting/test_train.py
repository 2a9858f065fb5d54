"""Training: who learns from what, who is judged on what, and who wins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from shop import NAMES, TASK, made

from infra.errors import DefinitionError
from training import contenders
from training.contenders import Boosted, ByColumn, Examples, Linear
from training.definition import Split
from training.fitting import as_served, train
from training.fitting.row_order import in_own_order
from training.fitting.train import Trained
from training.rows import split
from training.rows.dataset import Dataset, dataset_of

WINDOW = timedelta(minutes=30)


def test_every_judged_row_is_later_than_every_row_that_was_learned_from(trained: Trained, shop: Dataset) -> None:
    times = shop.times()
    fit, tune, judge = (times[trained.rows[part]] for part in ("fit", "tune", "judge"))
    assert fit.max() + np.timedelta64(WINDOW) <= tune.min()
    assert tune.max() + np.timedelta64(WINDOW) <= judge.min()


def test_no_list_is_both_learned_from_and_judged(trained: Trained, shop: Dataset) -> None:
    groups = [set(shop.frame["list"].iloc[rows]) for rows in trained.rows.values()]
    assert not groups[0] & groups[1] | groups[1] & groups[2] | groups[0] & groups[2]


def test_a_list_shown_over_a_cut_goes_whole_and_a_whole_life_is_cut() -> None:
    start = np.datetime64("2026-05-01T00:00:00", "us")
    minutes = np.array([0, 99, 101, 103, 200, 0, 101, 200])
    groups = np.array([0, 1, 1, 2, 3, 4, 4, 4])  # list 1 lies over the cut at 100; 4 lasts longer than the window
    cut = Split(tune_from=datetime(2026, 5, 1, 1, 40, tzinfo=UTC), judge_from=datetime(2026, 5, 1, 3, 20, tzinfo=UTC))
    found = split.split_rows(start + minutes.astype("timedelta64[m]"), groups, cut, WINDOW)
    fit, tune, judge, between = split.FIT, split.TUNE, split.JUDGE, split.BETWEEN
    assert found.tolist() == [fit, between, between, tune, judge, fit, tune, judge]


def test_lists_stay_whole_also_where_ranks_are_taken_within_longer_groups(shop: Dataset) -> None:
    by_guest = replace(TASK, unit="guest", split=Split(keep_together="list"))
    rows = train.divided(shop, by_guest)
    groups = [set(shop.frame["list"].iloc[found]) for found in rows.values()]
    assert not groups[0] & groups[1] | groups[1] & groups[2] | groups[0] & groups[2]
    assert set(shop.frame["guest"].iloc[rows["fit"]]) & set(shop.frame["guest"].iloc[rows["judge"]])


def test_what_the_last_rows_hold_changes_nothing_that_was_learned(trained: Trained, shop: Dataset) -> None:
    frame = shop.frame.copy()
    frame.loc[trained.rows["judge"], "bought"] = 1 - frame.loc[trained.rows["judge"], "bought"]
    again = train.train_contenders(replace(shop, frame=frame), TASK)
    probe = shop.matrix[:500]
    for name, model in trained.fitted.items():
        assert np.array_equal(again.fitted[name].scores(probe), model.scores(probe)), name


def test_the_same_seed_gives_the_same_model_and_figures(trained: Trained, shop: Dataset) -> None:
    again = train.train_contenders(shop, TASK)
    assert again.metrics() == trained.metrics()


def test_rows_in_any_order_give_the_same_model_to_the_last_byte(
    trained: Trained, shop: Dataset, tmp_path: Path
) -> None:
    twice = np.r_[np.arange(len(shop.frame)), [5, 5]]  # rows that agree in everything may change places
    mixed = np.random.default_rng(1).permutation(twice)
    files = []
    for name, places in (("sorted", np.sort(twice)), ("mixed", mixed), ("backwards", twice[::-1])):
        rows = dataset_of(
            shop.frame.iloc[places].reset_index(drop=True), shop.matrix[places], NAMES, shop.lineage, shop.neutral
        )
        (tmp_path / name).mkdir()
        model = train.fit_contender(rows, TASK, "xgboost", 0, TASK.target)
        files.append(model.save(tmp_path / name).read_bytes())
    assert files[0] == files[1] == files[2]


def test_rows_in_their_own_order_are_taken_as_they_come(shop: Dataset) -> None:
    each = shop.frame.drop_duplicates(["list", "ware"]).index
    order = each[np.lexsort((shop.frame["ware"][each], shop.frame["list"][each], shop.times()[each]))]
    rows = dataset_of(shop.frame.iloc[order], shop.matrix[order], NAMES, shop.lineage, shop.neutral)
    assert np.array_equal(in_own_order(rows, TASK), np.arange(len(order)))


def test_a_model_of_interactions_beats_all_others_where_only_interactions_tell(trained: Trained) -> None:
    found = trained.metrics()
    assert trained.winner == "xgboost"
    assert found["xgboost"]["ndcg_at_10_low"] > found["logistic_regression"]["ndcg_at_10_high"]
    assert list(found) == ["popularity", "recency", "best_column", "logistic_regression", "xgboost"], "simplest first"


def test_the_best_single_column_is_a_contender_that_no_definition_can_leave_out(shop: Dataset) -> None:
    weak = replace(TASK, contenders=(ByColumn("popularity", "age"), ByColumn("recency", "mood")))
    run = train.train_contenders(shop, weak)
    assert dict(run.fitted["best_column"].importance()) == {"rate": 1.0}
    assert run.evaluations["best_column"].measures["ndcg_at_10"].value > 0
    with pytest.raises(DefinitionError, match="`best_column` is the contender that every run adds by itself"):
        replace(TASK, contenders=(ByColumn("best_column", "age"),))


def test_the_best_single_column_is_chosen_as_it_would_be_served_and_may_be_reversed(shop: Dataset) -> None:
    """The place in the list tells most of what was bought, and no request knows it."""
    matrix = shop.matrix.copy()
    matrix[:, NAMES.index("rate")] *= -1
    matrix[:, NAMES.index("place")] = shop.frame["bought"]
    run = train.train_contenders(replace(shop, matrix=matrix), replace(TASK, contenders=TASK.contenders[:2]))
    best = run.fitted["best_column"]
    assert isinstance(best, contenders.FittedColumn)
    assert (best.feature, best.sign) == ("rate", -1.0)


def test_the_best_single_column_does_not_depend_on_the_judged_rows(trained: Trained, shop: Dataset) -> None:
    frame = shop.frame.copy()
    frame.loc[trained.rows["judge"], "gain"] = frame.loc[trained.rows["judge"], "gain"].to_numpy()[::-1]
    run = train.train_contenders(replace(shop, frame=frame), replace(TASK, contenders=TASK.contenders[:2]))
    assert run.fitted["best_column"].importance() == trained.fitted["best_column"].importance()


def test_the_simplest_contender_wins_where_it_is_as_good() -> None:
    run = train.train_contenders(made(1, bends=False), TASK)
    assert run.winner == "best_column", "taste alone ranks as well as any model of it"
    models = {name: run.evaluations[name] for name in ("logistic_regression", "xgboost")}
    assert train.simplest_good(models, TASK.decides_by) == "logistic_regression"


def test_what_only_the_log_knows_is_neutral_when_models_are_judged(trained: Trained, shop: Dataset) -> None:
    rows = trained.rows["judge"]
    served = as_served(shop.matrix[rows], shop, TASK)
    assert (served[:, NAMES.index("place")] == 0.0).all()
    assert np.array_equal(trained.scores["xgboost"], trained.fitted["xgboost"].scores(served))


def test_every_measure_has_an_interval_and_every_slice_its_figures(trained: Trained) -> None:
    summary = trained.metrics()["xgboost"]
    wanted = ("ndcg_at_10", "gauc", "auc", "log_loss", "calibration_error", "coverage", "novelty", "diversity")
    for name in wanted:
        assert summary[f"{name}_low"] <= summary[f"{name}_high"], name
    slices = trained.evaluations["xgboost"].slices
    assert {name: set(parts) for name, parts in slices.items()} == {"town": {"t0", "t1"}, "ware_age": {"new", "old"}}
    assert slices["town"]["t0"].facts["rows"] + slices["town"]["t1"].facts["rows"] == summary["rows"]
    assert trained.metrics()["recency"].get("log_loss") is None, "an age is no probability"


def test_another_target_is_trained_when_asked(shop: Dataset) -> None:
    found = train.train_contenders(shop, TASK, target="looked")
    assert found.judged.truth.mean() > shop.frame["bought"].mean()


def test_rows_left_out_by_definition_take_no_part(shop: Dataset) -> None:
    keep = shop.frame["town"] == "t0"
    found = train.train_contenders(replace(shop, frame=shop.frame.assign(fits=keep, judged=keep)), TASK)
    assert set(shop.frame["town"].iloc[np.concatenate(list(found.rows.values()))]) == {"t0"}


def test_labels_of_one_kind_are_refused(shop: Dataset) -> None:
    with pytest.raises(DefinitionError, match="nothing to learn"):
        train.train_contenders(replace(shop, frame=shop.frame.assign(bought=np.float32(1))), TASK)


@pytest.mark.parametrize("contender", [ByColumn("p", "rate"), Linear(), Boosted(max_trees=5)], ids=lambda c: c.name)
def test_a_saved_model_is_no_pickle(contender: contenders.Contender, tmp_path: Path, shop: Dataset) -> None:
    examples = Examples(shop.matrix, shop.frame["bought"].to_numpy(), shop.features)
    path = contender.fit(examples, examples, 0).save(tmp_path)
    assert path.suffix in {".json", ".ubj"}
    assert path.read_bytes()[:1] == b"{", "JSON and UBJ objects begin with a brace, pickles do not"


def test_a_contender_that_names_no_feature_is_refused_with_the_nearest(shop: Dataset) -> None:
    with pytest.raises(DefinitionError, match="Did you mean `rate`"):
        train.train_contenders(shop, replace(TASK, contenders=(ByColumn("popularity", "rates"),)))
