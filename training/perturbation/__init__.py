"""The proof that training rows know nothing of the future: what came later is altered, and they are built again."""

from training.perturbation.alterations import altered_lake
from training.perturbation.nightly import ProvenDay, proven_days
from training.perturbation.proof import perturbation_proof, sampled
from training.perturbation.rebuilding import Workshop, rebuilt_for_few, rebuilt_labels, rebuilt_matrix

__all__ = [
    "ProvenDay",
    "Workshop",
    "altered_lake",
    "perturbation_proof",
    "proven_days",
    "rebuilt_for_few",
    "rebuilt_labels",
    "rebuilt_matrix",
    "sampled",
]
