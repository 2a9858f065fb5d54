"""Training rows: attributed outcomes, labels, point-in-time training sets, their split."""

from training.rows.attribution import KNOWN_AT
from training.rows.dataset import Dataset, build_dataset, dataset_of, known_online, load_dataset, save_dataset
from training.rows.labels import AT, FITS, GAIN, JUDGED, build_labels, save_labels
from training.rows.lineage import moments
from training.rows.split import PARTS, cuts, split_rows

__all__ = [
    "AT",
    "FITS",
    "GAIN",
    "JUDGED",
    "KNOWN_AT",
    "PARTS",
    "Dataset",
    "build_dataset",
    "build_labels",
    "cuts",
    "dataset_of",
    "known_online",
    "load_dataset",
    "moments",
    "save_dataset",
    "save_labels",
    "split_rows",
]
