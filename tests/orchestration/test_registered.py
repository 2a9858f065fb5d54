"""A Dagster run proves and promotes the release that it registered itself, whatever others register meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from infra.errors import NotProven, Unavailable
from infra.machine_decisions import noted
from orchestration import proving
from orchestration.assets import release
from orchestration.registered import candidate_of, version_of
from orchestration.systems.home_feed import HOME_FEED
from training.contenders import Boosted
from training.registry import Stage
from validation.definition import GateLimits

AT = datetime(2026, 7, 2, tzinfo=UTC)
FAILS: list[str] = []
VERSIONS: list[str] = []
NUMBERS = iter(range(1, 100))


@dg.asset
def registered_release() -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(metadata={"version": str(next(NUMBERS))})


@dg.asset(deps=[registered_release])
def deployment(context: dg.AssetExecutionContext) -> None:
    if FAILS:
        raise ValueError(FAILS.pop())
    VERSIONS.append(version_of(context))


def job() -> dg.JobDefinition:
    """The release job of an installation, its parts replaced by ones that only count."""
    release_job = dg.define_asset_job("release", executor_def=dg.in_process_executor)
    return dg.Definitions(assets=[registered_release, deployment], jobs=[release_job]).resolve_job_def("release")


def retried(failed: str, instance: dg.DagsterInstance) -> str:
    """The run that goes on where a failed one stopped, as Dagster's pages offer it."""
    options = dg.ReexecutionOptions.from_failure(failed, instance)
    with dg.execute_job(dg.reconstructable(job), instance, reexecution_options=options) as result:
        return result.dagster_run.run_id


def test_a_run_is_about_the_release_it_registered_and_a_retry_about_that_of_the_first_try() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        FAILS[:] = ["the machine is still busy", "the machine is busy"]
        first = job().execute_in_process(instance=instance, raise_on_error=False)
        assert not first.success
        second = retried(first.run_id, instance)
        assert job().execute_in_process(instance=instance).success, "somebody else registers one meanwhile"
        retried(second, instance)
    assert VERSIONS == ["2", "1"]


def test_a_step_that_is_run_alone_does_not_take_the_newest() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert job().execute_in_process(instance=instance).success
        alone = job().execute_in_process(
            instance=instance, raise_on_error=False, asset_selection=[dg.AssetKey("deployment")]
        )
    (failure,) = alone.get_step_failure_events()
    error = failure.step_failure_data.error
    assert error is not None
    assert "registered no release" in str(error.cause)
    assert "flywheel prove VERSION" in str(error.cause)


def test_the_job_proves_and_enters_its_own_release_though_another_is_registered_meanwhile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registered, proved, entered = [], [], []

    def register(*candidate: object) -> str:
        registered.extend(["1", "2"])  # right after this run, somebody else registers
        return "1"

    registry = SimpleNamespace(
        register=register, newest=lambda: registered[-1], live=lambda: None, folder=lambda version: version,
        disagreements=list, enter=lambda version, *more: entered.append(version), stage_of=lambda version: Stage.SHADOW,
    )  # fmt: skip
    installation: Any = SimpleNamespace(
        registry=registry, now=lambda: AT,
        system=SimpleNamespace(name="home_feed", limits=GateLimits(baselines=()), trial=object()),
        settings=SimpleNamespace(rollout="staged", part=tmp_path),
    )  # fmt: skip
    candidate = SimpleNamespace(folder="", report="", verdict="", facts=dict)
    monkeypatch.setattr(release, "candidate_of", lambda context, installation: candidate)
    monkeypatch.setattr(release, "verify", lambda folder: SimpleNamespace(ranker="xgboost"))
    monkeypatch.setattr("orchestration.proving.proven", lambda at, version: {"version": proved.append(version) or ""})
    assets = release.assets(installation, dg.DailyPartitionsDefinition("2026-07-01"))
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize(assets, instance=instance, partition_key="2026-07-01").success
    assert registry.newest() == "2"
    assert [(each.did, each.release) for each in noted(tmp_path)] == [("enter", "1")]
    assert (proved, entered) == (["1"], ["1"])


@dg.asset
def ranker() -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(metadata={"mlflow run": "mine"})


@dg.asset(deps=[ranker])
def taken(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    at: Any = None
    return dg.MaterializeResult(metadata={"took": candidate_of(context, at).figures.run_id})


@pytest.mark.parametrize("there", ["mine", "of another run"])
def test_a_run_registers_the_candidate_it_trained_and_not_one_that_took_its_place(
    monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    monkeypatch.setattr(
        "orchestration.registered.newest_candidate",
        lambda installation: SimpleNamespace(figures=SimpleNamespace(run_id=there)),
    )
    retrain_job = dg.Definitions(assets=[ranker, taken], jobs=[dg.define_asset_job("retrain")]).resolve_job_def(
        "retrain"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = retrain_job.execute_in_process(instance=instance, raise_on_error=False)
    assert result.success == (there == "mine")
    if not result.success:
        (failure,) = result.get_step_failure_events()
        assert "another run has put its own in its place" in str(failure.step_failure_data.error)


@pytest.mark.parametrize("eta", [0.08, 0.3], ids=["as defined", "as a search found it"])
def test_a_release_by_hand_takes_no_candidate_with_settings_that_the_system_does_not_define(
    monkeypatch: pytest.MonkeyPatch, eta: float
) -> None:
    boosted = Boosted(params={"eta": 0.08})
    system = replace(HOME_FEED, task=replace(HOME_FEED.task, contenders=(boosted,), search=None))
    facts = SimpleNamespace(contender=repr(replace(boosted, params={"eta": eta})))
    candidate = SimpleNamespace(folder="candidate", figures=SimpleNamespace(run_id="theirs"))
    monkeypatch.setattr("orchestration.registered.newest_candidate", lambda at: candidate)
    monkeypatch.setattr(
        "orchestration.registered.read_manifest", lambda folder: SimpleNamespace(ranker="xgboost", training=facts)
    )
    with dg.DagsterInstance.ephemeral() as instance:
        nothing_trained: Any = SimpleNamespace(
            run=dg.DagsterRun("release"), instance=instance, asset_key=dg.AssetKey("registered_release")
        )
        at: Any = SimpleNamespace(system=system)
        if eta == 0.08:
            assert candidate_of(nothing_trained, at).folder == "candidate"
        else:
            with pytest.raises(NotProven, match=r"other settings than the system defines.*flywheel run train"):
                candidate_of(nothing_trained, at)


@pytest.mark.parametrize("answers", [True, False], ids=["the service takes it", "the service does not start"])
def test_the_outcome_of_a_proof_is_kept_with_the_release(monkeypatch: pytest.MonkeyPatch, answers: bool) -> None:
    def prove(at: object, version: str) -> dict[str, str]:
        if not answers:
            raise Unavailable("service: not ready")
        return {"bento": "home_feed:abc"}

    outcomes: list[tuple[object, ...]] = []
    monkeypatch.setattr("orchestration.retrieval.publish", lambda at, version: 0)
    monkeypatch.setattr("orchestration.deployment.prove", prove)
    at: Any = SimpleNamespace(
        registry=SimpleNamespace(deployed=lambda *outcome: outcomes.append(outcome)), now=lambda: "now"
    )
    if answers:
        assert proving.proven(at, "7") == {"bento": "home_feed:abc"}
    else:
        with pytest.raises(Unavailable):
            proving.proven(at, "7")
    assert outcomes == [("7", answers, "home_feed:abc" if answers else "service: not ready", "now")]
