"""The proof on several days, of features and of labels: what runs at night."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from training.perturbation.alterations import altered_lake
from training.perturbation.proof import perturbation_proof
from training.perturbation.rebuilding import Workshop, rebuilt_labels, rebuilt_matrix
from training.rows import Dataset
from validation.definition import GateLimits
from validation.gates import PerturbationEvidence, perturbation_finding
from validation.verdict import GateFinding


@dataclass(frozen=True, slots=True)
class ProvenDay:
    """One cut: what became of the sampled rows, and of all labels that were known at it."""

    HEAD: ClassVar[tuple[str, ...]] = ("cut", "rows", "changed after it", "labels", "labels changed", "outcome", "why")

    evidence: PerturbationEvidence
    finding: GateFinding
    labels: int
    labels_equal: bool

    @property
    def passed(self) -> bool:
        """Whether nothing knew what came later."""
        return self.finding.passed and self.labels_equal

    def row(self) -> tuple[str, ...]:
        """The cut as cells of a table, under `HEAD`."""
        evidence = self.evidence
        return (
            f"{evidence.cut:%Y-%m-%d %H:%M:%S}",
            f"{evidence.before:,}",
            f"{evidence.moved:,} of {evidence.after:,}",
            f"{self.labels:,}",
            "none" if self.labels_equal else "some",
            "passed" if self.passed else "REFUSED",
            self.finding.reason,
        )


def proven_days(workshop: Workshop, dataset: Dataset, count: int, seed: int) -> list[ProvenDay]:
    """The proof on the last days of a training set, the newest first; fewer where it has fewer days."""
    days = np.unique(dataset.times().astype("datetime64[D]"))
    ago = [int((days[-1] - day).astype(int)) for day in days[::-1][:count]]
    return [_proven(workshop, dataset, seed, days_ago) for days_ago in ago]


def _proven(workshop: Workshop, dataset: Dataset, seed: int, days_ago: int) -> ProvenDay:
    evidence = perturbation_proof(workshop, dataset, seed, days_ago, rebuilt_matrix)
    finding = perturbation_finding(evidence, GateLimits(baselines=(), min_perturbed=1))
    known = rebuilt_labels(workshop, workshop.lake, evidence.cut)
    with workshop.scratch() as folder:
        altered = altered_lake(workshop.lake, folder, workshop.tables, evidence.cut, seed)
        equal = known.equals(rebuilt_labels(workshop, altered, evidence.cut))
    return ProvenDay(evidence, finding, len(known), equal)
