"""Drift by feature: from the report of monitoring, and the windows that Dagster's records hold evidence of."""

import os
from collections import defaultdict
from typing import Any

from markupsafe import Markup

from monitoring.retrain import WindowEvidence
from orchestration.console import reports
from orchestration.console.charts import meter
from orchestration.console.reports import FeatureDrift
from orchestration.console.rooms import Room
from orchestration.system import Installation

WINDOWS = 20


async def drift(room: Room) -> dict[str, Any]:
    """What the page shows."""
    seen = await room.look_at_all(watch=lambda at: reports.watched(at.settings), windows=windows)
    watch = seen["watch"].value
    features = by_feature(watch.drift) if watch else []
    return {**seen, "features": features, "meters": {row.feature: _meter(row) for row, _ in features}}


def by_feature(rows: tuple[FeatureDrift, ...]) -> list[tuple[FeatureDrift, list[FeatureDrift]]]:
    """Each feature over all rows, with the slices in which it moved; what moved most comes first."""
    of_all, slices = dict[str, FeatureDrift](), defaultdict[str, list[FeatureDrift]](list)
    for row in rows:
        if row.slice == "all":
            of_all[row.feature] = row
        elif row.moved:
            slices[row.feature].append(row)
    for name in slices.keys() - of_all.keys():
        of_all[name] = FeatureDrift(name)
    pairs = [(row, sorted(slices[name], key=lambda each: -(each.psi or 0.0))) for name, row in of_all.items()]
    return sorted(pairs, key=lambda pair: (not (pair[0].moved or pair[1]), -(pair[0].psi or 0.0)))


def _meter(row: FeatureDrift) -> Markup:
    if row.psi is None or not row.limit:
        return Markup("–")
    return meter(row.psi, row.limit, f"PSI {row.psi:.3f}, limit {row.limit:g}", "over" if row.moved else "plain")


def windows(installation: Installation) -> dict[str, list[WindowEvidence]]:
    """The newest windows of each kind of evidence, newest first."""
    import dagster as dg

    from orchestration import evidence
    from orchestration.naming import key

    folder = os.environ.get("DAGSTER_HOME") or str(installation.settings.home.absolute() / "dagster")
    if not os.path.exists(os.path.join(folder, "dagster.yaml")):
        return {}
    os.environ.setdefault("DAGSTER_HOME", folder)  # its own settings name the variable
    with dg.DagsterInstance.from_config(folder) as instance:
        system = installation.system.name
        by_kind = {
            name: evidence.newest(instance, dg.AssetKey(key(system, name)), WINDOWS)[::-1] for name in evidence.WATCHING
        }
    return {name: each for name, each in by_kind.items() if each}
