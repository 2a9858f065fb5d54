"""Fitting: contenders, embeddings, the item space, popular lists."""

from training.fitting.item_space import Embedded, build_item_space
from training.fitting.judged_input import as_judged, as_served
from training.fitting.popular_lists import build_popular_lists, newest_descriptions
from training.fitting.saved import acts_from, load_contender
from training.fitting.train import (
    Trained,
    best_column_of,
    divided,
    examples,
    fit_contender,
    importances,
    judged_part,
    judged_rows,
    operating_points,
    sliced,
    train_contenders,
)

__all__ = [
    "Embedded",
    "Trained",
    "acts_from",
    "as_judged",
    "as_served",
    "best_column_of",
    "build_item_space",
    "build_popular_lists",
    "divided",
    "examples",
    "fit_contender",
    "importances",
    "judged_part",
    "judged_rows",
    "load_contender",
    "newest_descriptions",
    "operating_points",
    "sliced",
    "train_contenders",
]
