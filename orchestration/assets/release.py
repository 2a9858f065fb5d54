"""Release: the judged ranker gets a version, a built service proves it, and it goes on trial; the first one live."""

import dagster as dg

from infra.manifest import verify
from orchestration import proving
from orchestration.entering import entered
from orchestration.naming import asset_of
from orchestration.partitions import WHOLE_RANGE, WHY
from orchestration.registered import REGISTERED, VERSION, candidate_of, version_of
from orchestration.sensors import registry_check_result, registry_check_spec
from orchestration.system import Installation


def assets(installation: Installation, days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets of the release stage, in the order in which a release becomes live."""
    asset = asset_of(installation.system.name)

    @asset(
        name=REGISTERED,
        group_name="release",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["ranker"],
        kinds={"mlflow"},
    )
    def registered(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A version in the registry: everything the online path needs to be consistent with itself, and its verdict."""
        candidate = candidate_of(context, installation)
        version = installation.registry.register(candidate.folder, candidate.report, candidate.verdict)
        return dg.MaterializeResult(metadata={VERSION: version, **candidate.facts()})

    @asset(
        name="deployment",
        group_name="release",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=[REGISTERED, "online_store"],
        kinds={"bentoml"},
    )
    def deployed(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The service, built, started with this run's release, its golden rows scored as they were in training."""
        return dg.MaterializeResult(metadata=proving.proven(installation, version_of(context)))

    @asset(
        name="champion",
        group_name="release",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["deployment"],
        kinds={"mlflow"},
        check_specs=[registry_check_spec()],
    )
    def champion(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The release that is live, and this run's beside it: on trial in shadow; the first of a system goes live."""
        version, was = version_of(context), installation.registry.live()
        ranker = verify(installation.registry.folder(version)).ranker
        why = context.run.tags.get(WHY, f"job {context.run.job_name}: every gate passed") + _ranked_by(
            installation, ranker
        )
        outcome = entered(installation, version, why)
        context.log.info(outcome.says)
        metadata = {
            "version": version, "ranker": ranker, "was": was or "none", "why": why, "stage": str(outcome.stage),
            "says": outcome.says,
        }  # fmt: skip
        check = registry_check_result(installation.registry.disagreements())
        return dg.MaterializeResult(metadata=metadata, check_results=[check])

    return [registered, deployed, champion]


def _ranked_by(installation: Installation, ranker: str) -> str:
    """What ranks, as the history names it; for a baseline also why it was chosen."""
    return f"; {ranker}" + (
        ", the simplest that nothing beats" if ranker in installation.system.limits.must_beat else ""
    )
