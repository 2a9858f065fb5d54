"""Training: labels, the point-in-time training set, and the ranker that won, with every gate's answer."""

from collections.abc import Iterator

import dagster as dg

from infra.clock import Clock
from infra.lake import days_from
from orchestration import pages
from orchestration.erasure import erase_again
from orchestration.freshness import freshness_to_train_with
from orchestration.labels import label_versions_of_history
from orchestration.naming import asset_of
from orchestration.partitions import WHOLE_RANGE, span
from orchestration.release_inputs import release_inputs
from orchestration.stale_days import LABELS, TRAINING_SET, learned_from, note_trained
from orchestration.system import Installation
from training.registry import experiment_id
from training.release import Candidate, lacking, make_candidate
from training.rows import JoinedDays, build_training_set, newest, save_dataset, save_labels

GATES, FEATURES_KNOWN = "gates", "features_known"


def assets(installation: Installation, days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets of the training stage. A partition is a whole training run as of that day's end."""
    asset = asset_of(installation.system.name)
    task, features = installation.system.task, installation.system.features

    @asset(
        name="labels",
        group_name="training",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        kinds={"spark"},
        deps=sorted({task.decisions, *task.outcome_tables, *(look.table for look in features.lookups)}),
    )
    def mature_labels(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one version of the label of one mature shown row: what was known to have followed it."""
        _, last = span(context)
        parts = learned_from(installation)
        versions = label_versions_of_history(installation, last)
        save_labels(installation.lake, "labels", versions, days_from(installation.history_start(last), last))
        erase_again(installation)
        note_trained(installation, LABELS, last, parts)
        rows = newest(versions)
        shares = {f"{task.mean_of(name)} {name}": float(rows[name].mean()) for name in task.targets if len(rows)}
        changed = len(versions) - len(rows)
        return dg.MaterializeResult(metadata={"rows": len(rows), "changed after maturity": changed, **shares})

    @asset(
        name="training_set",
        group_name="training",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["labels", "states", "profiles"],
        kinds={"feast", "spark"},
        check_specs=[
            dg.AssetCheckSpec(FEATURES_KNOWN, asset="training_set", description="features have values; warns only")
        ],
    )
    def training_set(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one mature shown row with the features that were known when it was shown."""
        _, last = span(context)
        parts = learned_from(installation)
        versions = installation.lake.read("labels", days_from(installation.history_start(last), last)).to_pandas()
        freshness = freshness_to_train_with(installation)
        kept = JoinedDays(installation.lake, installation.system.name)
        dataset = build_training_set(versions, installation.store, features, task, freshness, kept)
        save_dataset(installation.lake, installation.system.name, dataset)
        erase_again(installation)
        note_trained(installation, TRAINING_SET, last, parts)
        unknown = dataset.mostly_unknown()
        check = dg.AssetCheckResult(
            check_name=FEATURES_KNOWN,
            passed=not unknown,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"unknown": dg.MetadataValue.md(lacking(unknown))},
        )
        facts = {**dataset.facts(task), "days joined": len(kept.joined)}
        return dg.MaterializeResult(metadata=facts, check_results=[check])

    @asset(
        name="ranker",
        group_name="training",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["training_set"],
        kinds={"xgboost", "mlflow"},
        check_specs=[dg.AssetCheckSpec(GATES, asset="ranker", blocking=True, description="what a model must prove")],
    )
    def ranker(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """The contender that won, judged on later rows than it learned from, as a release that is not yet live."""
        _, last = span(context)
        inputs = release_inputs(installation)
        candidate = make_candidate(inputs, installation.training_set(), installation.as_of(last), Clock())
        check = dg.AssetCheckResult(
            check_name=GATES,
            passed=candidate.verdict.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"verdict": dg.MetadataValue.md(candidate.verdict.table_md())},
        )
        yield dg.MaterializeResult(
            metadata={**candidate.facts(), **_pages(installation, candidate)}, check_results=[check]
        )

    return [mature_labels, training_set, ranker]


def _pages(installation: Installation, candidate: Candidate) -> dict[str, dg.MetadataValue]:
    """What people look at: the report's tables and plots, and the run in MLflow."""
    folder, run = candidate.report.folder, candidate.report.run_id
    page = pages.mlflow(installation.settings, experiment_id(installation.settings, installation.system.name), run)
    plots = {plot.stem: dg.MetadataValue.path(str(plot.absolute())) for plot in sorted(folder.glob("*.png"))}
    return {
        "tables": dg.MetadataValue.md((folder / "report.md").read_text()),
        "mlflow": dg.MetadataValue.url(page),
        **plots,
    }
