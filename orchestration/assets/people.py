"""People: those who are to be erased, erased; the audit is its record."""

import dagster as dg

from orchestration.naming import asset_of
from orchestration.system import Installation

ERASURES = "erasures"


def assets(installation: Installation) -> list[dg.AssetsDefinition]:
    """The asset of the people stage."""
    asset = asset_of(installation.system.name)

    @asset(name=ERASURES, group_name="people", kinds={"parquet", "redis", "sqlite"})
    def erasures(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one erasure: digests of whom, who asked, when, what was removed, which releases to replace."""
        from orchestration.erasure import erase, facts_of

        line = erase(installation, context.log.info)
        return dg.MaterializeResult(metadata=facts_of(line) if line else {"people": 0})

    return [erasures]
