"""Building a release: its files, and the report of its training run."""

from training.release.candidate import (
    Candidate,
    ReleaseInputs,
    batches_behind,
    build_and_judge,
    candidate_folder,
    make_candidate,
)
from training.release.facts import training_facts
from training.release.report import lacking
from training.release.user_vectors import (
    read_user_vectors,
    remove_user_vectors,
    space_digest,
    user_vectors_file,
)

__all__ = [
    "Candidate",
    "ReleaseInputs",
    "batches_behind",
    "build_and_judge",
    "candidate_folder",
    "lacking",
    "make_candidate",
    "read_user_vectors",
    "remove_user_vectors",
    "space_digest",
    "training_facts",
    "user_vectors_file",
]
