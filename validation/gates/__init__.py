"""Gates: what a release has to prove, and the verdict that says so."""

from validation.gates.evidence import DataFacts, GateEvidence, Lineage, SliceEvidence
from validation.gates.release_gates import baseline_gate, judge_evidence

__all__ = [
    "DataFacts",
    "GateEvidence",
    "Lineage",
    "SliceEvidence",
    "baseline_gate",
    "judge_evidence",
]
