"""Features: published states and profiles, and their newest rows online."""

from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta

import dagster as dg

from infra import alerts
from orchestration.naming import asset_of
from orchestration.observed import note_online
from orchestration.partitions import WHOLE_RANGE, span
from orchestration.stale_days import days_to_bring_online, note_also_made, note_brought_online, stale_profiles
from orchestration.system import Installation

AGREE, NO_BURSTS = "online_equals_offline", "no_bursts"
BURSTS_SHOWN = 20  # bursts in a check and in the alerts; the rest are counted


def assets(installation: Installation, days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets of the features stage."""
    asset = asset_of(installation.system.name)
    features = installation.system.features
    read = {*(s.table for s in features.signals), *(look.table for look in features.lookups)}
    views = "\n".join(f"- `{v.name}` by {', '.join(v.keys)}: {v.meaning}" for v in features.counter_views)

    @asset(
        name="states",
        group_name="features",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=sorted(read),
        kinds={"spark"},
        description=f"A row is the decayed counters of one entity at one minute.\n\n{views}",
        check_specs=[dg.AssetCheckSpec(NO_BURSTS, asset="states", description="no few users push an item; warns only")],
    )
    def published_states(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from feature_repo.folding import publish_states

        published = publish_states(
            installation.spark,
            installation.lake,
            features,
            installation.tables,
            *span(context),
            as_of=installation.now(),
        )
        note_also_made(context, "states", published.written)
        sentences = [burst.sentence() for burst in published.bursts[:BURSTS_SHOWN]]
        for sentence in sentences:
            alerts.write(installation.settings.home, installation.now(), burst=sentence)
        check = dg.AssetCheckResult(
            check_name=NO_BURSTS,
            passed=not sentences,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"bursts": len(published.bursts), "items": dg.MetadataValue.md("\n".join(sentences) or "none")},
        )
        return dg.MaterializeResult(
            check_results=[check],
            metadata={
                "events": published.events,
                "rows": dict(published.rows),
                "entities": dict(published.entities),
                "days": len(published.written),
            },
        )

    @asset(
        name="profiles",
        group_name="features",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        kinds={"spark"},
        deps=sorted({view.table for view in features.profile_views}),
    )
    def published_profiles(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one entity as described at one moment, in the columns features read."""
        from feature_repo.folding import changed_after_all, publish_profiles

        stale = stale_profiles(installation)
        rows_by_view = publish_profiles(
            installation.spark,
            installation.lake,
            features,
            installation.tables,
            *span(context),
            as_of=installation.now(),
        )
        note_also_made(context, "profiles", stale)
        changed = changed_after_all(installation.spark, installation.lake, features, installation.tables)
        sentences = [
            f"{number:,} entities changed their `{column}`, which is borrowed" for column, number in changed.items()
        ]
        for sentence in sentences:
            context.log.warning(f"{sentence}: events keep the first value. Where that is wrong, write changes=True.")
        return dg.MaterializeResult(metadata={**rows_by_view, **({"changed": sentences} if sentences else {})})

    @asset(
        name="online_store",
        group_name="features",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        kinds={"feast", "redis"},
        deps=["states", "profiles"],
        check_specs=[dg.AssetCheckSpec(AGREE, asset="online_store", blocking=True)],
    )
    def online(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one entity's newest state or profile, in Redis."""
        from feature_repo.stores import compare, materialise

        days = days_to_bring_online(installation, *span(context))
        start, end = datetime.combine(days[0], time.min, UTC), installation.as_of(days[-1])
        counts_by_view = materialise(installation.store, features, start, end)
        note_online(installation, end - timedelta(microseconds=1))  # what is published at midnight is the next day's
        note_brought_online(installation, days)
        note_also_made(context, "online_store", days)
        agreed = compare(installation.store, installation.lake, features, end, sample=200, seed=0)
        check = dg.AssetCheckResult(
            check_name=AGREE,
            passed=agreed.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"compared": agreed.compared, "unequal": dg.MetadataValue.md(agreed.table_md())},
        )
        written = {name: asdict(counts) for name, counts in counts_by_view.items()}
        return dg.MaterializeResult(metadata={"written": written}, check_results=[check])

    return [published_states, published_profiles, online]
