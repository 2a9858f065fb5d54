"""Release: the judged ranker gets a version, a built service proves it, and it goes live."""

import dagster as dg

from orchestration import deployment
from orchestration.candidate import Candidate
from orchestration.partitions import WHOLE_RANGE, WHY
from orchestration.system import Installation
from validation.manifest import verify


def assets(at: Installation, days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets of the release stage, in the order in which a release becomes live."""

    @dg.asset(
        name="registered_release",
        group_name="release",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["ranker"],
        kinds={"mlflow"},
    )
    def registered(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A version in the registry: everything the online path needs to be consistent with itself, and its verdict."""
        made = Candidate.load(at)
        version = at.registry.register(made.folder, made.report, made.verdict)
        return dg.MaterializeResult(metadata={"version": version, **made.facts()})

    @dg.asset(
        name="deployment",
        group_name="release",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["registered_release", "online_store"],
        kinds={"bentoml"},
    )
    def deployed(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The service, built, started with the new release, its golden rows scored as they were in training."""
        return dg.MaterializeResult(metadata=deployment.prove(at, at.registry.newest()))

    @dg.asset(
        name="champion",
        group_name="release",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["deployment"],
        kinds={"mlflow"},
    )
    def champion(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The release that is live: the service follows it within seconds."""
        version, was = at.registry.newest(), at.registry.live()
        ranker = verify(at.registry.folder(version)).ranker
        why = context.run.tags.get(WHY, f"job {context.run.job_name}: every gate passed") + _told(at, ranker)
        at.registry.promote(version, who="dagster", why=why, at=at.now())
        return dg.MaterializeResult(metadata={"version": version, "ranker": ranker, "was": was or "none", "why": why})

    return [registered, deployed, champion]


def _told(at: Installation, ranker: str) -> str:
    """What ranks, for the history; of a baseline also why it does."""
    return f"; {ranker}" + (", the simplest that nothing beats" if ranker in at.system.limits.baselines else "")
