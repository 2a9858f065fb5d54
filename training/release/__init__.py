"""Building a release: its files, and the report of its training run."""

from training.release.candidate import (
    Candidate,
    ReleaseInputs,
    batches_behind,
    build_and_judge,
    candidate_folder,
    make_candidate,
    newest_winner,
)
from training.release.facts import definition_of, training_facts
from training.release.report import exposure_section, lacking
from training.release.user_vectors import (
    read_user_vectors,
    remove_user_vectors,
    space_digest,
    user_vectors_file,
)
from training.release.value import VALUE_HEAD, RandomPages, random_pages, value_line

__all__ = [
    "VALUE_HEAD",
    "Candidate",
    "RandomPages",
    "ReleaseInputs",
    "batches_behind",
    "build_and_judge",
    "candidate_folder",
    "definition_of",
    "exposure_section",
    "lacking",
    "make_candidate",
    "newest_winner",
    "random_pages",
    "read_user_vectors",
    "remove_user_vectors",
    "space_digest",
    "training_facts",
    "user_vectors_file",
    "value_line",
]
