"""Tables: what landed, validated; refused rows with their reason; a ledger that balances."""

from collections.abc import Iterator

import dagster as dg

from orchestration.ingestion import ingest_days
from orchestration.naming import asset_of
from orchestration.partitions import WHOLE_RANGE, span
from orchestration.system import Installation
from validation.contract import Table

CHECK = "expectations"
SET_ASIDE = "set aside"


def assets(installation: Installation, days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """One asset a table. A table waits for those it refers to, so that their rows are known first."""
    return [_asset(installation, table, days) for table in installation.system.tables]


def _asset(installation: Installation, table: Table, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    asset = asset_of(installation.system.name)
    columns = [dg.TableColumn(c.name, c.dtype, c.meaning) for c in table.columns]

    @asset(
        name=table.name,
        group_name="tables",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        kinds={"parquet", "greatexpectations"},
        deps=sorted({c.refers_to for c in table.columns if c.refers_to}),
        description=f"A row is {table.row}.",
        check_specs=[
            dg.AssetCheckSpec(CHECK, asset=table.name, blocking=True, description="every row against the contract")
        ],
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)},
        tags={"owner": table.owner.replace(" ", "_")},
    )
    def accepted(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        first, last = span(context)
        ingested = ingest_days(installation, table, first, last)
        # a warning stops nothing: a file that was set aside keeps none behind it waiting
        check = dg.AssetCheckResult(
            check_name=CHECK,
            passed=not (ingested.refused or ingested.failed or ingested.passed_over),
            severity=dg.AssetCheckSeverity.ERROR if ingested.refused else dg.AssetCheckSeverity.WARN,
            metadata={
                "failed": dg.MetadataValue.md(ingested.failures_md()),
                "not taken": dg.MetadataValue.md(ingested.untaken_md()),
                SET_ASIDE: len(ingested.failed),
            },
        )
        yield dg.MaterializeResult(
            metadata={**ingested.facts(), "ledger": dg.MetadataValue.md(ingested.ledger_md())}, check_results=[check]
        )

    return accepted
