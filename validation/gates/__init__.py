"""The gates: the rules that a release has to pass, and the evidence that they look at."""

from validation.gates.evidence import DataFacts, GateEvidence, Lineage, SliceEvidence, SliceExposure
from validation.gates.exposure import exposure_gate
from validation.gates.leak_evidence import ColumnWorth, KeyNoise, Repeats, ServedSample
from validation.gates.perturbation import perturbation_finding
from validation.gates.perturbed_sample import PerturbationEvidence
from validation.gates.release_gates import baseline_gate, judge_evidence

__all__ = [
    "ColumnWorth",
    "DataFacts",
    "GateEvidence",
    "KeyNoise",
    "Lineage",
    "PerturbationEvidence",
    "Repeats",
    "ServedSample",
    "SliceEvidence",
    "SliceExposure",
    "baseline_gate",
    "exposure_gate",
    "judge_evidence",
    "perturbation_finding",
]
