"""What the gates say about training runs: a good one passes, and each planted fault is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shop import AT, FEATURES, LIMITS, TASK, made, served, wares

from infra.errors import ReleaseMismatch
from infra.freshness import Freshness
from infra.manifest import verify
from training.definition import Task
from training.fitting import popular_lists, train
from training.fitting.train import Trained
from training.judging import BatchesBehind, BestRelease, TrainingRun, faults, judge
from training.release import build as release
from training.release import report
from training.rows import dataset
from training.rows.dataset import Dataset
from validation.gates.evidence import Lineage
from validation.verdict import Verdict


def judged(rows: Dataset, folder: Path, task: Task = TASK, live: Path | None = None) -> Verdict:
    """Train, build and judge, as a run does."""
    return asked(judge.settle_on_baseline(train.train_contenders(rows, task), LIMITS), rows, folder, task, live)


def asked(trained: Trained, rows: Dataset, folder: Path, task: Task = TASK, live: Path | None = None) -> Verdict:
    """Build the winner's release and ask every gate about it."""
    popular = popular_lists.build_popular_lists(rows.frame, wares(), task.fallback_lists, AT)
    release.build_release(folder, trained, rows, FEATURES, task, popular, b"{}", version="2", created_at=AT)
    return judge.judge_candidate(TrainingRun(trained, rows, task, FEATURES), LIMITS, folder, live=live, replay=served)


def refused(verdict: Verdict) -> set[str]:
    """The gates that refused."""
    return {finding.gate for finding in verdict.findings if not finding.passed}


def test_an_honest_model_that_beats_the_baselines_passes(verdict: Verdict) -> None:
    assert verdict.passed, verdict.reasons()


def test_shuffled_labels_release_no_model_but_the_simplest_that_nothing_beats(
    shuffled: Dataset, learned_nothing: Trained, tmp_path: Path
) -> None:
    verdict = asked(learned_nothing, shuffled, tmp_path / "r")
    assert verdict.passed, verdict.reasons()
    manifest = verify(tmp_path / "r")
    assert (manifest.kind, manifest.ranker) == ("column", "popularity")
    told = next(f.reason for f in verdict.findings if f.gate == "baseline")
    assert "popularity is released as the simplest that nothing beats" in told


def test_a_model_that_is_not_clearly_better_is_refused_and_gives_way_to_the_baseline(
    shuffled: Dataset, learned_nothing: Trained, tmp_path: Path
) -> None:
    model = replace(learned_nothing, winner="xgboost")
    assert "baseline" in refused(asked(model, shuffled, tmp_path / "r"))
    settled = judge.settle_on_baseline(model, LIMITS)
    assert settled.winner == "popularity"
    told = "Winner: popularity (popularity is released as the simplest that nothing beats"
    assert told in report.tables(settled, TASK)


def test_a_model_that_is_clearly_better_stays_the_winner(trained: Trained) -> None:
    assert judge.settle_on_baseline(trained, LIMITS).winner == trained.winner
    assert judge.settle_on_baseline(replace(trained, winner="popularity"), LIMITS).winner == "xgboost"


def test_a_baseline_of_leaking_rows_is_refused(shuffled: Dataset, tmp_path: Path) -> None:
    leaking = faults.planted_column(shuffled, TASK, seed=3)
    baselines = replace(TASK, contenders=TASK.contenders[:2])
    verdict = judged(leaking, tmp_path / "r", baselines)
    assert "leakage" in refused(verdict), verdict.reasons()


def test_a_planted_fault_changes_nothing_else_of_the_set(shop: Dataset) -> None:
    rows = replace(shop, freshness=Freshness(every_s=3600.0))
    planted = faults.planted_column(rows, TASK, seed=3)
    assert planted.digest != rows.digest
    assert planted.freshness == rows.freshness, "else it would be replayed with states of another age, and refused"


def test_a_column_that_tells_the_label_is_refused(shop: Dataset, tmp_path: Path) -> None:
    verdict = judged(faults.planted_column(shop, TASK, seed=3), tmp_path / "r")
    assert any("planted" in reason for reason in verdict.reasons()), verdict.reasons()
    assert "leakage" in refused(verdict)


def test_without_a_replay_of_what_is_served_there_is_no_release(trained: Trained, shop: Dataset, built: Path) -> None:
    verdict = judge.judge_candidate(TrainingRun(trained, shop, TASK, FEATURES), LIMITS, built)
    assert refused(verdict) == {"served"}


def test_a_column_received_after_the_impression_is_refused_however_little_it_tells(
    shop: Dataset, tmp_path: Path
) -> None:
    late = tuple(replace(line, known_after_s=90.0) if line.feature == "mood" else line for line in shop.lineage)
    verdict = judged(replace(shop, lineage=late), tmp_path / "r")
    assert refused(verdict) == {"leakage"}
    assert "`mood` was received after the impression" in verdict.reasons()[0]


def test_a_feature_of_unknown_origin_is_refused(shop: Dataset, tmp_path: Path) -> None:
    unknown = (*shop.lineage[:-1], Lineage("place", "somewhere", float("nan")))
    assert "leakage" in refused(judged(replace(shop, lineage=unknown), tmp_path / "r"))


def test_a_worse_model_than_the_live_one_is_refused(shop: Dataset, built: Path, tmp_path: Path) -> None:
    lame = replace(TASK, contenders=TASK.contenders[:3])  # no trees: interactions stay unseen
    verdict = judged(shop, tmp_path / "r", lame, live=built)
    assert "champion" in refused(verdict), verdict.reasons()


def test_the_live_model_is_measured_on_the_same_rows(shop: Dataset, built: Path, tmp_path: Path) -> None:
    verdict = judged(shop, tmp_path / "r", live=built)
    finding = next(f for f in verdict.findings if f.gate == "champion")
    assert finding.passed
    assert finding.measured == pytest.approx(0.0), "the same rows, the same model: no difference"


def test_a_model_as_good_as_a_bad_live_one_is_refused_where_a_better_release_was_live(
    trained: Trained, shop: Dataset, built: Path, tmp_path: Path
) -> None:
    """Release 1 was live and is much better; release 2, which has seen no interactions, is live now."""
    lame, live, rows = replace(trained, winner="logistic_regression"), tmp_path / "live", tmp_path / "r"
    asked(lame, shop, live)
    asked(lame, shop, rows)
    run = TrainingRun(lame, shop, TASK, FEATURES)
    for best, passed in ((None, True), (BestRelease("1", built), False), (BestRelease("1", None), True)):
        verdict = judge.judge_candidate(run, LIMITS, rows, live=live, best=best)
        finding = next(finding for finding in verdict.findings if finding.gate == "champion")
        assert finding.passed is passed, finding.reason
        assert verdict.best == ("1" if best and best.folder else "2")
    assert "release 1, the best that was live, can no longer be scored" in finding.reason


def test_a_miscalibrated_model_is_refused(trained: Trained, shop: Dataset, built: Path) -> None:
    own = trained.evaluations[trained.winner]
    off = replace(own.measures["calibration_error"], value=0.3)
    worse = replace(own, measures={**own.measures, "calibration_error": off})
    changed = replace(trained, evaluations={**trained.evaluations, trained.winner: worse})
    run = TrainingRun(changed, shop, TASK, FEATURES)
    assert refused(judge.judge_candidate(run, LIMITS, built, replay=served)) == {"calibration"}


@pytest.mark.parametrize("ranker", ["xgboost", "popularity"])
def test_a_release_that_scores_too_slowly_is_refused_a_baseline_too(
    trained: Trained, shuffled: Dataset, shop: Dataset, learned_nothing: Trained, tmp_path: Path, ranker: str
) -> None:
    rows, model = (shop, trained) if ranker == "xgboost" else (shuffled, learned_nothing)
    assert model.winner == ranker
    asked(model, rows, tmp_path / "r")
    run, limits = TrainingRun(model, rows, TASK, FEATURES), replace(LIMITS, max_latency_ms=2.0)
    verdict = judge.judge_candidate(run, limits, tmp_path / "r", latency_ms=5.0, replay=served)
    assert refused(verdict) == {"latency"}
    assert "scoring a request takes 5 ms (limit 2 ms); " in verdict.reasons()[0]
    assert judge.judge_candidate(run, limits, tmp_path / "r", latency_ms=1.0, replay=served).passed


def test_a_release_of_other_features_is_refused(trained: Trained, shop: Dataset, built: Path) -> None:
    fewer = replace(FEATURES, features=FEATURES.features[:-1])
    run = TrainingRun(trained, shop, TASK, fewer)
    assert "signature" in refused(judge.judge_candidate(run, LIMITS, built, replay=served))


def test_batches_that_intake_refused_close_the_data_gate(trained: Trained, shop: Dataset, built: Path) -> None:
    run = TrainingRun(trained, shop, TASK, FEATURES)
    verdict = judge.judge_candidate(run, LIMITS, built, batches=BatchesBehind(refused=1), replay=served)
    assert refused(verdict) == {"data"}


def test_a_verdict_names_the_release_it_is_about_and_a_damaged_one_gets_none(
    trained: Trained, shop: Dataset, built: Path, tmp_path: Path
) -> None:
    import shutil

    damaged = Path(shutil.copytree(built, tmp_path / "damaged"))
    (damaged / "model.ubj").write_bytes((damaged / "model.ubj").read_bytes()[:-1] + b"x")
    with pytest.raises(ReleaseMismatch, match=r"model\.ubj"):
        judge.judge_candidate(TrainingRun(trained, shop, TASK, FEATURES), LIMITS, damaged)


def test_a_stored_training_set_is_the_one_that_was_built_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    from infra.errors import DefinitionError
    from infra.lake import Lake

    lake, rows = Lake(tmp_path), made(5)
    rows = replace(rows, lineage=(*rows.lineage[:-1], Lineage("place", "somewhere", float("nan"))))
    dataset.save_dataset(lake, "shop", rows)
    loaded = dataset.load_dataset(lake, "shop")
    assert np.isnan(loaded.lineage[-1].known_after_s), "of unknown origin, for the leakage gate to refuse"
    assert repr(loaded.lineage) == repr(rows.lineage)
    assert loaded.digest == rows.digest
    assert np.array_equal(loaded.matrix, rows.matrix, equal_nan=True)
    day = lake.days("training_sets/shop")[0]
    lake.replace("training_sets/shop", day, lake.read("training_sets/shop", [day]).slice(1))
    with pytest.raises(DefinitionError, match="has changed"):
        dataset.load_dataset(lake, "shop")


def test_the_digest_tells_sets_apart() -> None:
    assert made(5).digest == made(5).digest
    assert made(5).digest != made(6).digest
