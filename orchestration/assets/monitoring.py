"""Monitoring: each day compared with what the live release was trained on."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import msgspec
import pandas as pd

from infra import alerts
from infra.lake import days_from
from monitoring import drift, evidently_report, freshness, skew
from monitoring.definition import Watch
from monitoring.reference import Reference
from monitoring.retrain import WindowEvidence, describe_windows
from orchestration.erasure import erase_again
from orchestration.evidence import EVIDENCE, newest
from orchestration.freshness import publications, served_moments
from orchestration.judged_days import days_to_judge, outcomes_of
from orchestration.maturing import maturing, served_before
from orchestration.naming import asset_of
from orchestration.observed import Observed, freshness_trained_with, observe, worth_watching
from orchestration.partitions import WHOLE_RANGE, span
from orchestration.release_inputs import REFERENCE, REFERENCE_ROWS
from orchestration.system import Installation

SERVED, FRESH = "served_as_trained", "as_fresh_as_trained"


def assets(installation: Installation, days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets of the monitoring stage. Before the first release there is nothing to compare with."""
    asset = asset_of(installation.system.name)
    watch = installation.system.watch
    assert watch is not None
    task = installation.system.task
    shown = [task.decisions, *task.outcome_tables, "states", "profiles"]

    @asset(
        name="observed",
        group_name="monitoring",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=shown,
        kinds={"spark", "feast"},
    )
    def observed(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one shown row of the day whose outcomes are known, with its features as training would see them."""
        days = worth_watching(installation, *span(context))
        counts = {day.isoformat(): observe(installation, day) for day in days}
        later = served_before(installation, maturing(task, *span(context)))
        matured = {day.isoformat(): observe(installation, day, matured=True) for day in later}
        erase_again(installation)
        return dg.MaterializeResult(metadata={"rows": sum(counts.values()), "by day": counts, "matured": matured})

    @asset(
        name="drift",
        group_name="monitoring",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["observed"],
        kinds={"evidently"},
    )
    def drifted(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one feature of the day: its PSI against the live release's reference, and whether that counts."""
        earlier = newest(context.instance, context.asset_key)
        results = [_drift(installation, watch, day, earlier) for day in days_from(*span(context))]
        return dg.MaterializeResult(metadata=_metadata([f for f in results if f]))

    @asset(
        name="skew",
        group_name="monitoring",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["observed"],
        check_specs=[dg.AssetCheckSpec(SERVED, asset="skew", description="served features are those of training")],
    )
    def skewed(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one feature: the share of served rows in which it equals what training would have seen."""
        earlier = newest(context.instance, context.asset_key)
        results = [f for day in days_from(*span(context)) if (f := _skew(installation, watch, day, earlier))]
        reasons = [f["evidence"].detail for f in results if f["facts"]["finding"] == "skew"]
        for reason in reasons:
            alerts.write(installation.settings.home, installation.now(), system=installation.system.name, skew=reason)
        check = dg.AssetCheckResult(
            check_name=SERVED,
            passed=not reasons,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"skew": "; ".join(reasons) or "none found"},
        )
        return dg.MaterializeResult(metadata=_metadata(results), check_results=[check])

    @asset(
        name="freshness",
        group_name="monitoring",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["observed"],
        check_specs=[
            dg.AssetCheckSpec(FRESH, asset="freshness", description="states are as fresh as those of training")
        ],
    )
    def fresh(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one view: how long what was published had waited to come online when rows were served."""
        results = {day: f for day in days_from(*span(context)) if (f := _freshness(installation, watch, day))}
        reasons = [f"{day}: {f['reason']}" for day, f in results.items() if f["facts"]["finding"] == "stale"]
        for reason in reasons:
            alerts.write(
                installation.settings.home, installation.now(), system=installation.system.name, freshness=reason
            )
        check = dg.AssetCheckResult(
            check_name=FRESH,
            passed=not reasons,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"stale": "; ".join(reasons) or "none found"},
        )
        return dg.MaterializeResult(metadata=_metadata(list(results.values())), check_results=[check])

    @asset(
        name="outcomes", group_name="monitoring", partitions_def=days, backfill_policy=WHOLE_RANGE, deps=["observed"]
    )
    def achieved(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one release and rung: live AUC and NDCG on matured labels beside what the release promised.

        Where labels take weeks, the days are measured that have become mature on the days of the run.
        """
        results = [outcomes_of(installation, watch, day) for day in days_to_judge(installation, *span(context))]
        return dg.MaterializeResult(metadata=_metadata([f for f in results if f]))

    return [observed, drifted, skewed, fresh, achieved]


def _drift(installation: Installation, watch: Watch, day: date, earlier: list[WindowEvidence]) -> dict[str, Any] | None:
    """The drift of a day; its evidence is added to the `earlier` one."""
    version, observed = installation.registry.live(), Observed.load(installation, day)
    if version is None or observed is None:
        return None
    raw = (installation.registry.folder(version) / REFERENCE).read_bytes()
    reference = Reference.from_json(raw)
    matrix, scores = observed.matrix[observed.judged], observed.scores(installation, version)[observed.judged]
    users = observed.users(installation)[observed.judged]
    report = drift.measure(reference, matrix, observed.features, scores, watch, users)
    present = None if not report.enough else report.finding == "drift"
    evidence = WindowEvidence(
        f"drift {day} {version}", "drift", installation.as_of(day), version, present, report.reason(),
        report.clearly_below(watch.clear_below) if report.enough else None,
    )  # fmt: skip
    earlier.append(evidence)
    decision = describe_windows([e for e in earlier if e.release == version and e.at <= evidence.at], "drift", watch)
    facts = {**report.facts(), "decision": decision}
    result = {"facts": facts, "table": report.markdown(), "evidence": evidence}
    drawn = installation.registry.folder(version) / REFERENCE_ROWS
    if not (drawn.exists() and report.enough):  # a release made before it carried rows has no page
        return result
    page = installation.settings.reports / "drift" / f"{day}.html"
    now = evidently_report.frame(matrix, observed.features, scores)
    before = pd.read_parquet(drawn)
    evidently_report.write(before, now, page, watch, report=report, decision=decision)
    return {**result, "page": page}


def _skew(installation: Installation, watch: Watch, day: date, earlier: list[WindowEvidence]) -> dict[str, Any] | None:
    """The skew of a day; its evidence is added to the `earlier` one."""
    version, observed = installation.registry.live(), Observed.load(installation, day)
    if version is None or observed is None:
        return None
    rows, served = observed.served_by_release(version)
    if not len(rows):
        return None
    again = observed.recomputed(installation, rows)
    actions = observed.actions(installation, version, rows, again)
    report = skew.measure(served, again, observed.features, watch, rows=observed.names(rows), actions=actions)
    certain = report.beyond_chance if report.finding == "skew" else report.finding == "equal"
    present = report.finding == "skew" if certain else None
    detail = f"{day}, release {version}: {report.reason()}"
    clear = report.clearly_equal(watch.clear_below) if present is False else None
    evidence = WindowEvidence(f"skew {day} {version}", "skew", installation.as_of(day), version, present, detail, clear)
    earlier.append(evidence)
    decision = describe_windows([e for e in earlier if e.release == version and e.at <= evidence.at], "skew", watch)
    facts = {**report.facts(), "reason": report.reason(), "decision": decision}
    return {"facts": facts, "table": report.markdown(), "evidence": evidence}


def _freshness(installation: Installation, watch: Watch, day: date) -> dict[str, Any] | None:
    """The skew of freshness of a day; None where no release served any row."""
    version, served = installation.registry.live(), served_moments(installation, day, day)
    if version is None or not len(served.at):
        return None
    published = publications(installation, day - timedelta(days=1), day)
    trained = freshness_trained_with(installation, version)
    report = freshness.measure(served.at, served.until, published, trained, watch)
    facts = {**report.facts(), "reason": report.reason()}
    return {"facts": facts, "table": report.markdown(), "reason": report.reason()}


def _metadata(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Metadata of the newest day, and the evidence of them all."""
    if not results:
        return {"finding": "nothing to compare with yet"}
    last = results[-1]
    metadata = {**last["facts"], "table": dg.MetadataValue.md(last["table"])}
    if last.get("page"):
        metadata["report"] = dg.MetadataValue.url(last["page"].absolute().as_uri())
    evidence = [each for f in results for each in _as_list(f.get("evidence", []))]
    if evidence:
        metadata[EVIDENCE] = dg.MetadataValue.text(msgspec.json.encode(evidence).decode())
    return metadata


def _as_list(evidence: WindowEvidence | list[WindowEvidence]) -> list[WindowEvidence]:
    return [evidence] if isinstance(evidence, WindowEvidence) else evidence
