"""`model.json`: the models without trees. The fields are in the order of the file."""

from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from infra.release_format.file_names import MODEL


class ColumnModel(msgspec.Struct, frozen=True, kw_only=True):
    """A ranking by one feature; `missing` is the score of rows without a value, 0 where scores are probabilities.

    `feature` is the name of the column at `index`, for whoever reads the file.
    """

    kind: Literal["column"] = "column"
    feature: str = ""
    index: int
    sign: float
    missing: float


class LinearModel(msgspec.Struct, frozen=True, kw_only=True):
    """A logistic regression: missing values are filled, then standardised."""

    kind: Literal["linear"] = "linear"
    intercept: float
    mean: list[float]
    scale: list[float]
    fill: list[float]
    coefficients: list[float]


class RidgeModel(msgspec.Struct, frozen=True, kw_only=True):
    """A linear regression of a number: missing values are filled, then standardised; added to the column `base`."""

    kind: Literal["ridge"] = "ridge"
    intercept: float
    mean: list[float]
    scale: list[float]
    fill: list[float]
    coefficients: list[float]
    base: int | None = None


BASE = "base"
"""The attribute of trees that names the column to which they are added, where there is one."""
Model = TypeVar("Model", ColumnModel, LinearModel, RidgeModel)


def write_model(folder: Path, model: ColumnModel | LinearModel | RidgeModel) -> Path:
    """Put a model into a release; returns the file."""
    path = folder / MODEL
    path.write_bytes(msgspec.json.encode(model))
    return path


def read_model(folder: Path, kind: type[Model]) -> Model:
    """The model of a release, which its manifest says to be of this kind."""
    return msgspec.json.decode((folder / MODEL).read_bytes(), type=kind)
