"""What people see of a training run in MLflow before they click anything."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from shop import TASK

from infra.freshness import Freshness
from infra.settings import Settings
from infra.statistics import Interval
from training.fitting.train import Trained
from training.judging import Fresher
from training.registry import tracking
from training.release import report
from training.release.report import LoggedRun
from training.rows import KnownBy
from training.rows.dataset import Dataset

Add = Callable[..., str]


def test_a_run_opens_with_who_won_and_the_plots_and_says_when_it_ran(
    home: Settings, shop: Dataset, trained: Trained
) -> None:
    found = tracking.mlflow_client(home)
    times = (datetime(2026, 7, 1, 8, tzinfo=UTC), datetime(2026, 7, 1, 8, 3, tzinfo=UTC))
    made = report.log_report(home, trained, shop, TASK, datetime(2026, 5, 4, tzinfo=UTC), times=times)
    run = found.get_run(made.run_id)
    assert run.info.run_name == f"{trained.target} 2026-05-03 {trained.winner}"
    assert (run.info.start_time, run.info.end_time) == tuple(int(moment.timestamp() * 1000) for moment in times)
    front = run.data.tags["mlflow.note.content"]
    assert front.startswith(f"## {trained.winner} wins in ")
    shown = re.findall(r"get-artifact\?path=(\S+?)&run_uuid=(\w+)\)", front)
    kept = {file.path for file in found.list_artifacts(made.run_id, "report")}
    assert {path for path, _ in shown} == {path for path in kept if path.endswith(".png")}
    assert {run_id for _, run_id in shown} == {made.run_id}
    kind = found.get_experiment(run.info.experiment_id).tags["mlflow.experimentKind"]
    assert kind == "custom_model_development", "else MLflow opens with its pages of language models"


def test_a_run_has_ended_when_it_was_trained_also_after_it_was_registered(
    home: Settings, logged: LoggedRun, add: Add
) -> None:
    found = tracking.mlflow_client(home)
    before = found.get_run(logged.run_id).info
    add()
    after = found.get_run(logged.run_id).info
    assert (after.start_time, after.end_time, after.status) == (before.start_time, before.end_time, "FINISHED")


def test_the_report_says_by_which_age_of_a_row_how_much_of_a_target_is_known() -> None:
    ages = {600.0: 0.5, TASK.maturity.total_seconds(): 0.995, 3 * 86_400.0: 1.0}
    curve = [KnownBy("bought", age, share, 2_000) for age, share in ages.items()]
    lines = report.maturity_section(curve, TASK).splitlines()
    assert "| age of a row | bought (of 2,000) |" in lines
    assert lines[-3:] == ["| 10 min | 50.00% |", "| **40 min: mature** | 99.50% |", "| 3 d | 100.00% |"]
    assert not report.maturity_section([KnownBy("bought", 600.0, 0.0, 0)], TASK)


def test_the_report_says_how_fresh_states_are_and_what_fresher_ones_would_be_worth() -> None:
    nightly = Freshness(86_400, 3_600, basis="measured at 5,000 rows")
    worth = Fresher(Interval(0.7, 0.69, 0.71, 9), Interval(0.72, 0.71, 0.73, 9), Interval(0.02, 0.01, 0.03, 9))
    section = report.freshness_section(nightly, worth, TASK)
    assert "published states come online every 1 d, 1 h later; measured at 5,000 rows" in section
    assert "| as served | 0.7000 [0.6900, 0.7100] |" in section
    assert "| what that would be worth | +0.0200 [+0.0100, +0.0300] |" in section
    assert "worth" not in report.freshness_section(Freshness(), None, TASK), "nothing fresher is to be had"


def test_the_report_says_who_gets_the_places(trained: Trained) -> None:
    section = report.exposure_section(trained)
    assert "The first 1 % of 5 makers have " in section
    rows = {line.split(" | ")[0].removeprefix("| "): line.split(" | ") for line in section.splitlines() if "=" in line}
    assert set(rows) == {"town=t0", "town=t1", "rate=low", "rate=high"}
    shares = [float(rows[f"rate={word}"][column].rstrip("%")) for word in ("low", "high") for column in (1, 2)]
    assert shares[1] < shares[0], "what is bought less is shown lower down"
    assert shares[3] > shares[2]


def test_the_report_names_the_best_single_column(trained: Trained) -> None:
    assert "The best single column of the tuning rows is `rate`, the highest first." in report.tables(trained, TASK)
