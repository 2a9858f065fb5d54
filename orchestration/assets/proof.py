"""The nightly proof that training rows know nothing of the future, on a sample of the newest days."""

import dagster as dg

from orchestration.naming import asset_of
from orchestration.partitions import WHOLE_RANGE, span
from orchestration.system import Installation
from validation.verdict import markdown

UNCHANGED = "unchanged"
CUTS = 3  # the last days of the training set that are cut, each at a moment of its own


def assets(installation: Installation, days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The asset of the proof stage."""
    asset = asset_of(installation.system.name)

    @asset(
        name="perturbation",
        group_name="proof",
        partitions_def=days,
        backfill_policy=WHOLE_RANGE,
        deps=["training_set"],
        kinds={"spark", "feast"},
        check_specs=[dg.AssetCheckSpec(UNCHANGED, asset="perturbation", blocking=True)],
    )
    def perturbation(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A row is one cut: sampled training rows, built again with everything altered that was received after it."""
        from orchestration.release_inputs import release_inputs
        from training.perturbation import proven_days

        _, last = span(context)
        workshop, dataset = release_inputs(installation).workshop, installation.training_set()
        proofs = proven_days(workshop, dataset, CUTS, seed=last.toordinal())
        check = dg.AssetCheckResult(
            check_name=UNCHANGED,
            passed=bool(proofs) and all(proof.passed for proof in proofs),
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"cuts": dg.MetadataValue.md(markdown(proofs[0].HEAD, [proof.row() for proof in proofs]))},
        )
        rows = sum(proof.evidence.before for proof in proofs)
        return dg.MaterializeResult(
            metadata={"rows": rows, "labels": sum(p.labels for p in proofs)}, check_results=[check]
        )

    return [perturbation]
