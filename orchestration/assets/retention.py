"""Retention: what is older than its limit goes, and nothing older may lie there afterwards."""

import dagster as dg

from orchestration.naming import asset_of
from orchestration.partitions import WHOLE_RANGE
from orchestration.system import Installation
from validation.verdict import markdown

WITHIN = "within_limits"


def assets(installation: Installation, days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The asset of the retention stage."""
    asset = asset_of(installation.system.name)

    @asset(
        name="retention",
        group_name="retention",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        check_specs=[
            dg.AssetCheckSpec(WITHIN, asset="retention", description="the oldest row that is there, by dataset")
        ],
    )
    def retention(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one dataset: its limit, its oldest row, what was removed. Ages count from now, whatever the day."""
        from orchestration.retention import DONE_HEAD, retain, too_old

        kept = retain(installation, runs=context.instance)
        sentences = too_old(installation, kept)
        check = dg.AssetCheckResult(
            check_name=WITHIN,
            passed=not sentences,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"too old": dg.MetadataValue.md("\n".join(f"- {s}" for s in sentences) or "Nothing.")},
        )
        table = dg.MetadataValue.md(markdown(DONE_HEAD, [each.row() for each in kept]))
        removed = {"removed": sum(each.gone for each in kept), "bytes": sum(each.size for each in kept)}
        return dg.MaterializeResult(metadata={**removed, "datasets": table}, check_results=[check])

    return [retention]
