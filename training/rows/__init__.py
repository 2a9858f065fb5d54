"""Training rows: attributed outcomes, versions of labels, point-in-time training sets, their split."""

from training.rows.attribution import AT, KNOWN_AT
from training.rows.dataset import (
    Dataset,
    build_dataset,
    build_training_set,
    dataset_of,
    freshness_reached,
    known_online,
    load_dataset,
    save_dataset,
)
from training.rows.joined_days import JoinedDays, forget_joined_days
from training.rows.label_versions import newest
from training.rows.labels import FITS, GAIN, JUDGED, WEIGHT, build_label_versions, build_labels, save_labels
from training.rows.lineage import moments
from training.rows.logged import logged_columns
from training.rows.maturity import KnownBy, known_at_maturity
from training.rows.people import remove_people_from_sets
from training.rows.split import PARTS, cuts, split_rows
from training.rows.weights import fit_weights, judge_weights

__all__ = [
    "AT",
    "FITS",
    "GAIN",
    "JUDGED",
    "KNOWN_AT",
    "PARTS",
    "WEIGHT",
    "Dataset",
    "JoinedDays",
    "KnownBy",
    "build_dataset",
    "build_label_versions",
    "build_labels",
    "build_training_set",
    "cuts",
    "dataset_of",
    "fit_weights",
    "forget_joined_days",
    "freshness_reached",
    "judge_weights",
    "known_at_maturity",
    "known_online",
    "load_dataset",
    "logged_columns",
    "moments",
    "newest",
    "remove_people_from_sets",
    "save_dataset",
    "save_labels",
    "split_rows",
]
