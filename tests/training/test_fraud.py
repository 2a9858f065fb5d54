"""Fraud's own task and limits on a small city of cards: rules, line and trees in one report, and what gates refuse."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_repo.definition import FeatureSet
from feature_repo.request_time import Context
from infra.release_format import Popular
from infra.statistics import drawn_by_poisson
from orchestration.sources.fraud import BankEvents, City, events
from training.contenders import Boosted
from training.fitting import Trained, acts_from, train_contenders
from training.judging import TrainingRun, judge_candidate
from training.judging.replayed import Replayed
from training.measuring import Said, evaluate
from training.release.build import build_release
from training.rows import dataset
from training.rows.dataset import Dataset
from training.systems.fraud import TASK
from validation.definition import Cap, GateLimits
from validation.gates.evidence import Lineage
from validation.systems.fraud import CHANNELS, LIMITS
from validation.verdict import Verdict

FEATURES = ("amount", "amount_against_30d", "card_from_device", "card_paid_10m", "device_age", "channel",
            "terminal_disputed_rate_7d", "card_disputed_30d", *(f"noise_{n}" for n in range(4)))  # fmt: skip
TREES = Boosted(params={"eta": 0.2, "max_depth": 4, "max_bin": 64, "nthread": 1}, max_trees=60)
SMALL = replace(TASK, contenders=(*TASK.contenders[:2], TREES), draws=60, slices=TASK.slices[1:], weight="")
OF_REQUEST = FeatureSet("fraud", 1, "tests", {}, (), (), (), (), tuple(Context(name, neutral=0.0) for name in FEATURES))


@pytest.fixture(scope="module")
def bank() -> BankEvents:
    return events(City(cards=300, terminals=60, days=100, ahead=0, payments_a_day=0.6))


@pytest.fixture(scope="module")
def rows(bank: BankEvents) -> Dataset:
    """Payments with what a bank can know of them, and the truth as their label."""
    frame = bank.rows["payments"].to_pandas().sort_values("event_time").reset_index(drop=True)
    by_card = frame.groupby("card_id")
    usual = by_card["amount"].transform(lambda paid: paid.expanding().median().shift()).fillna(frame["amount"])
    from_device = frame.groupby(["card_id", "device_id"], dropna=False).cumcount()
    seen = bank.rows["devices"].to_pandas().set_index("device_id")["seen_at"]
    first_seen = frame["device_id"].map(seen)
    age = np.log1p((frame["event_time"] - first_seen).dt.total_seconds() / 3600)
    soon = (frame["event_time"] - by_card["event_time"].shift(2)).dt.total_seconds() < 600
    zero, noise = np.zeros(len(frame)), np.random.default_rng(0).normal(size=(4, len(frame)))
    matrix = np.column_stack([
        frame["amount"], np.log(frame["amount"] / usual), np.log1p(from_device), soon * np.log1p(3.0), age,
        frame["channel"].map({name: code for code, name in enumerate(CHANNELS)}), zero, zero, *noise,
    ])  # fmt: skip
    pattern = bank.pattern_of()
    labels = pd.DataFrame({
        "event_timestamp": frame["event_time"], "payment_id": frame["payment_id"], "card_id": frame["card_id"],
        "is_fraud": [np.float32(pattern[payment] != "honest") for payment in frame["payment_id"]],
        "gain": np.float32(0), "fits": True, "judged": True,
    })  # fmt: skip
    lineage = tuple(Lineage(name, "the request", 0.0) for name in FEATURES)
    return dataset.dataset_of(labels, matrix.astype(np.float32), FEATURES, lineage, dict.fromkeys(FEATURES, 0.0))


@pytest.fixture(scope="module")
def trained(rows: Dataset) -> Trained:
    return train_contenders(rows, SMALL)


def judged(rows: Dataset, trained: Trained, folder: Path, limits: GateLimits = LIMITS, **more: Any) -> Verdict:
    def again(of: Dataset, chosen: Any) -> Replayed:
        return Replayed(FEATURES, rows.matrix[chosen], np.ones(len(chosen), dtype=bool), 0, "made again")

    released(rows, trained, folder)
    return judge_candidate(TrainingRun(trained, rows, SMALL, OF_REQUEST), limits, folder, replay=again, **more)


def released(rows: Dataset, trained: Trained, folder: Path) -> Path:
    at = rows.frame["event_timestamp"].max().to_pydatetime()
    build_release(folder, trained, rows, OF_REQUEST, SMALL, Popular(), b"{}", version="1", created_at=at)
    return folder


def refused(verdict: Verdict) -> dict[str, str]:
    return {finding.gate: finding.reason for finding in verdict.findings if not finding.passed}


def test_rules_line_and_trees_stand_in_one_report_and_a_model_wins(trained: Trained) -> None:
    gain = {name: found.measures["net_benefit"] for name, found in trained.evaluations.items()}
    assert {"rules", "logistic_regression", "xgboost"} <= set(gain)
    assert gain["xgboost"].value > gain["rules"].value
    assert trained.winner != "rules"
    for measure in ("average_precision", "precision_at_100_a_day", "recall_at_0.01", "false_positive_rate"):
        found = trained.evaluations["xgboost"].measures[measure]
        assert found.low <= found.value <= found.high, measure


def test_the_operating_point_travels_in_the_release(rows: Dataset, trained: Trained, tmp_path: Path) -> None:
    assert acts_from(released(rows, trained, tmp_path / "r")) == trained.points[trained.winner]


@pytest.mark.parametrize("cap", [Cap("false_positive_rate", at_most=1e-6), Cap("recall", at_least=0.999)])
def test_too_much_friction_or_too_little_found_is_refused(
    rows: Dataset, trained: Trained, tmp_path: Path, cap: Cap
) -> None:
    assert cap.measure in refused(judged(rows, trained, tmp_path / "r", replace(LIMITS, caps=(cap,))))["caps"]


def test_a_model_that_acts_at_random_is_refused_by_each_gate_of_merit(
    rows: Dataset, trained: Trained, tmp_path: Path
) -> None:
    live = released(rows, trained, tmp_path / "live")
    drawn = np.random.default_rng(1).random(len(trained.scores["xgboost"])).astype(np.float32)
    weights = drawn_by_poisson(trained.judged.clusters, SMALL.draws, 0)
    worse = evaluate(SMALL.objective, trained.judged, Said(drawn, drawn, 0.5), weights)
    spoilt = replace(trained, winner="xgboost", evaluations={**trained.evaluations, "xgboost": worse})
    found = refused(judged(rows, spoilt, tmp_path / "r", live=live))
    assert {"baseline", "champion", "calibration", "caps"} <= set(found)
