"""Figures of what monitoring found on its newest day: drift, skew, freshness as served, live merit."""

from collections.abc import Iterator, Mapping

import dagster as dg

from infra.release_format import LIVE, read_live_pointer
from orchestration.exporter.families import DRIFTED, EQUAL_ROWS, LAG, LARGEST_PSI, LIVE_MERIT, STALE_VIEWS
from orchestration.exporter.family import Family, Sample
from orchestration.naming import key
from orchestration.system import Installation

FACTS: Mapping[tuple[str, str], Family] = {
    ("drift", "largest psi"): LARGEST_PSI,
    ("drift", "critical flagged"): DRIFTED,
    ("skew", "rows equal in all features"): EQUAL_ROWS,
    ("freshness", "stale views"): STALE_VIEWS,
    ("freshness", "largest median lag (s)"): LAG,
}
"""Asset and fact, as the assets of monitoring write them → the metric."""


def samples(installation: Installation) -> Iterator[Sample]:
    """The figures of the newest records of the monitoring assets; none where nothing was watched yet."""
    system = installation.system
    with dg.DagsterInstance.get() as instance:
        facts = {asset: _facts(instance, system.name, asset) for asset in ("drift", "skew", "freshness", "outcomes")}
    for (asset, fact), family in FACTS.items():
        if fact in facts[asset]:
            yield Sample(family, facts[asset][fact])
    pointer = read_live_pointer(installation.settings.releases / LIVE)
    merit = f"{system.task.objective.merit} {pointer.champion.version}" if pointer else ""
    if merit in facts["outcomes"]:
        yield Sample(LIVE_MERIT, facts["outcomes"][merit])


def _facts(instance: dg.DagsterInstance, system: str, asset: str) -> dict[str, float]:
    """The numbers of an asset's newest record."""
    event = instance.get_latest_materialization_event(dg.AssetKey(key(system, asset)))
    materialization = event.asset_materialization if event else None
    values = materialization.metadata.items() if materialization else ()
    numbers = {name: value.value for name, value in values}
    return {name: float(value) for name, value in numbers.items() if isinstance(value, int | float)}
