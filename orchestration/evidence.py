"""Evidence that monitoring assets wrote into Dagster's records, read back in order."""

from collections.abc import Mapping
from datetime import date

import dagster as dg
import msgspec

from infra.machine_decisions import MachineDecision, note, noted
from monitoring.retrain import WindowEvidence, frozen_by_skew
from orchestration.naming import key
from orchestration.system import Installation
from orchestration.upstream import broken_upstream

EVIDENCE = "evidence"
WATCHING = ("drift", "outcomes", "skew")
PAGE = 500
BEFORE = ('"kind":"auc drop"', '"kind":"merit drop"')  # of installations made before


def written(
    instance: dg.DagsterInstance, system: str, after: Mapping[str, int]
) -> tuple[list[WindowEvidence], dict[str, int]]:
    """All evidence of a system written since the last look, and how far each asset has now been read."""
    new: list[WindowEvidence] = []
    read_until = dict(after)
    for name in WATCHING:
        while records := _page(instance, dg.AssetKey(key(system, name)), read_until.get(name)):
            read_until[name] = records[-1].storage_id
            new += [evidence for record in records for evidence in _of(record)]
    return new, read_until


def newest(instance: dg.DagsterInstance, asset: dg.AssetKey, records: int = 20) -> list[WindowEvidence]:
    """The evidence in an asset's newest records, oldest first; the cost does not grow with the age of the asset."""
    filtered = dg.AssetRecordsFilter(asset_key=asset)
    records_found = instance.fetch_materializations(filtered, limit=records, ascending=False).records
    return [evidence for record in reversed(records_found) for evidence in _of(record)]


def frozen(instance: dg.DagsterInstance, installation: Installation, last: date) -> str:
    """Why nothing may be trained up to a day, from the newest evidence of skew and from what came in; else empty."""
    watch, skew = installation.system.watch, dg.AssetKey(key(installation.system.name, "skew"))
    if watch is None:
        return ""
    skewed = frozen_by_skew(newest(instance, skew), installation.now(), watch)
    return "; ".join(filter(None, (skewed, broken_upstream(installation, last))))


def note_freeze(installation: Installation, reason: str) -> None:
    """Write down that training is frozen, once for each reason."""
    part = installation.settings.part
    if any(each.did == "freeze" and each.says == reason for each in noted(part)):
        return
    note(part, MachineDecision(installation.now(), "freeze", reason, installation.registry.live()))


def _page(instance: dg.DagsterInstance, asset: dg.AssetKey, after: int | None) -> list[dg.EventLogRecord]:
    filtered = dg.AssetRecordsFilter(asset_key=asset, after_storage_id=after)
    return list(instance.fetch_materializations(filtered, limit=PAGE, ascending=True).records)


def _of(record: dg.EventLogRecord) -> list[WindowEvidence]:
    value = record.asset_materialization.metadata.get(EVIDENCE) if record.asset_materialization else None
    if value is None:
        return []
    return msgspec.json.decode(str(value.value).replace(*BEFORE), type=list[WindowEvidence])
