"""Studies of the ranker, and the search for better settings, whose best is a candidate like any other."""

from dataclasses import replace

import dagster as dg

from orchestration.naming import asset_of
from orchestration.partitions import WHOLE_RANGE, span
from orchestration.system import Installation

STUDIED, SEARCH_GATES = "studied", "search_gates"


def assets(installation: Installation, days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The asset of the studies; that of the search, where one is defined."""
    asset = asset_of(installation.system.name)

    @asset(
        name="studies",
        group_name="studies",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["training_set"],
        kinds={"xgboost", "mlflow"},
        check_specs=[
            dg.AssetCheckSpec(STUDIED, asset="studies", description="every study had the rows it needs; warns")
        ],
    )
    def studies(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one study of the winning contender: seed noise, staleness, what groups of features are worth."""
        from infra.errors import DefinitionError
        from orchestration.studying import NIGHTLY, study

        pages, refused = {}, {}
        for name in NIGHTLY:
            try:
                pages[name] = study(installation, name)[0].text
            except DefinitionError as lacks:
                refused[name] = str(lacks)
        texts = {name: dg.MetadataValue.md(text) for name, text in {**pages, **refused}.items()}
        check = dg.AssetCheckResult(
            check_name=STUDIED,
            passed=not refused,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={name: text for name, text in texts.items() if name in refused},
        )
        return dg.MaterializeResult(metadata=texts, check_results=[check])

    @asset(
        name="searched_settings",
        group_name="search",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["training_set"],
        kinds={"optuna", "xgboost", "mlflow"},
        check_specs=[
            dg.AssetCheckSpec(SEARCH_GATES, asset="searched_settings", description="what the best must prove")
        ],
    )
    def searched_settings(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The best settings of the trials, trained on all rows, judged by every gate and registered if all passed."""
        from infra.clock import Clock
        from orchestration.release_inputs import release_inputs
        from orchestration.studying import search_outcome
        from training.release import make_candidate

        _, last = span(context)
        outcome, page = search_outcome(installation)
        metadata: dict[str, dg.MetadataValue] = {"trials": dg.MetadataValue.md(page.text)}
        if not outcome.better:
            check = dg.AssetCheckResult(check_name=SEARCH_GATES, passed=True, metadata=metadata)
            return dg.MaterializeResult(metadata=metadata, check_results=[check])
        inputs = release_inputs(installation)
        inputs = replace(inputs, task=outcome.task(inputs.task))
        candidate = make_candidate(inputs, installation.training_set(), installation.as_of(last), Clock())
        verdict = {"verdict": dg.MetadataValue.md(candidate.verdict.table_md())}
        check = dg.AssetCheckResult(check_name=SEARCH_GATES, passed=candidate.verdict.passed, metadata=verdict)
        if candidate.verdict.passed:
            version = installation.registry.register(candidate.folder, candidate.report, candidate.verdict)
            metadata["version"] = dg.MetadataValue.text(version)
        return dg.MaterializeResult(metadata={**metadata, **candidate.facts()}, check_results=[check])

    return [studies, searched_settings] if installation.system.task.search else [studies]
