"""Gates: what a release has to prove, and the verdict that says so."""

from validation.gates.evidence import DataFacts, GateEvidence, Lineage, SliceEvidence
from validation.gates.release_gates import baseline_gate, judge_evidence
from validation.gates.verdict import Verdict, markdown

__all__ = [
    "DataFacts",
    "GateEvidence",
    "Lineage",
    "SliceEvidence",
    "Verdict",
    "baseline_gate",
    "judge_evidence",
    "markdown",
]
