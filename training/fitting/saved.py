"""A fitted contender read back from the folder it was saved in."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from infra.errors import ReleaseMismatch
from infra.manifest import verify
from infra.release_format import (
    BASE,
    OPERATING_POINT,
    TREES,
    ColumnModel,
    LinearModel,
    RidgeModel,
    read_model,
    read_operating_point,
)
from training.contenders import PREDICTIONS, Fitted, FittedBoosted, FittedColumn, FittedLinear


def load_contender(folder: Path) -> Fitted:
    """The model of a release, after its digests have been verified."""
    manifest = verify(folder)
    match manifest.kind:
        case "xgboost":
            import xgboost as xgb

            booster = xgb.Booster(model_file=str(folder / TREES))
            objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
            base = booster.attr(BASE)
            added_to = None if base is None else int(base)
            return FittedBoosted(booster, manifest.features, probabilistic=objective in PREDICTIONS, base=added_to)
        case "linear":
            return _line(read_model(folder, LinearModel), manifest.features)
        case "ridge":
            ridge = read_model(folder, RidgeModel)
            return replace(_line(ridge, manifest.features), kind="ridge", base=ridge.base)
        case "column":
            column = read_model(folder, ColumnModel)
            return FittedColumn(column.feature, column.index, column.sign, column.missing == 0.0)
    raise ReleaseMismatch(
        f"release {manifest.version}: kind `{manifest.kind}` is not known to this checkout. Retrain it."
    )


def acts_from(folder: Path) -> float | None:
    """The score from which a release acts; infinity where no score is worth acting on, None where it does not act."""
    if not (folder / OPERATING_POINT).exists():
        return None
    point = read_operating_point(folder).act_from
    return math.inf if point is None else point


def _line(model: LinearModel | RidgeModel, features: tuple[str, ...]) -> FittedLinear:
    mean, scale, weights = (np.array(values) for values in (model.mean, model.scale, model.coefficients))
    return FittedLinear(features, mean, scale, weights, model.intercept)
