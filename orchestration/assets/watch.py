"""The day's report of all that is watched, and its alarms."""

from datetime import date

import dagster as dg

from infra import alerts
from infra.lake import days_from
from monitoring.alarms import ALARMS
from orchestration.naming import asset_of, beside
from orchestration.partitions import WHOLE_RANGE, span
from orchestration.system import Installation
from orchestration.watching import watched
from validation.verdict import markdown

ELSEWHERE = {"skew": ("skew", "skew"), "freshness": ("stale", "stale")}
"""Asset → the finding that is an alarm, and the alarm's name; these write their alerts themselves."""


def assets(installation: Installation, days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The asset that comes last in monitoring."""
    asset = asset_of(installation.system.name)
    watch = installation.system.watch
    assert watch is not None

    @asset(
        name="watch",
        group_name="monitoring",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["drift", "skew", "freshness", "outcomes"],
    )
    def watch_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one alarm of the day, with its owner and what to do first; also as JSON, for the console."""
        report = None
        for day in days_from(*span(context)):
            more = {alarm: says for name, (_, alarm) in ELSEWHERE.items() if (says := _found(context, name, day))}
            report = watched(installation, watch, day, more)
            for each in report.alarms:
                if each.alarm not in more:
                    alerts.write(
                        installation.settings.home, report.at, system=installation.system.name, alarm=each.alarm,
                        says=each.says, owner=each.owner, runbook=each.runbook,
                    )  # fmt: skip
        rows = [(each.alarm, each.says, each.owner, each.runbook) for each in (report.alarms if report else ())]
        table = markdown(("alarm", "what was found", "owner", "what to do first"), rows) if rows else "no alarm"
        return dg.MaterializeResult(
            metadata={"alarms": len(rows), "asked": len(ALARMS), "table": dg.MetadataValue.md(table)}
        )

    return [watch_report]


def _found(context: dg.AssetExecutionContext, name: str, day: date) -> str:
    """What another asset of monitoring found on a day, where that is an alarm; else empty."""
    filtered = dg.AssetRecordsFilter(asset_key=beside(context.asset_key, name), asset_partitions=[f"{day}"])
    for record in context.instance.fetch_materializations(filtered, limit=1).records:
        metadata = record.asset_materialization.metadata if record.asset_materialization else {}
        if "finding" in metadata and metadata["finding"].value == ELSEWHERE[name][0]:
            return f"{day}: {metadata['reason'].value}"
    return ""
