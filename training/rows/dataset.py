"""A training set: mature labels with the features that were known when each row was shown."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from feature_repo.assembly import assemble
from feature_repo.definition import FeatureSet
from feature_repo.request_time import Context
from infra.arrays import Float32s
from infra.errors import DefinitionError
from infra.freshness import AS_PUBLISHED, Freshness
from infra.lake import Lake
from training.definition import MOSTLY_UNKNOWN, Task
from training.rows import lineage
from training.rows.attribution import AT
from training.rows.described import without_undescribed
from training.rows.joined_days import JoinedDays
from training.rows.label_versions import SINCE, known_at_cuts, newest
from training.rows.maturity import KnownBy, known_at_maturity, maturity_curve
from validation.contract import unknown
from validation.gates import Lineage

if TYPE_CHECKING:
    from feast import FeatureStore

ROW = "row_number"
SETS = "training_sets"  # the lake's folder of stored sets
PREFIX = "input:"  # sets the model's inputs apart from the labels' own columns in a stored set
ABOUT = b"flywheel"


@dataclass(frozen=True)
class Dataset:
    """Labels and model input, aligned row by row, in order of time.

    frame      the labels' columns      matrix   (rows, features) float32, NaN unknown
    lineage    when each feature was known, against the moment the row was shown
    neutral    what stands in for a value that the request does not give
    digest     sha256 of the content
    maturity   how soon the targets were known
    freshness  how fresh the joined states are: those that are online by then when a row is served
    """

    frame: pd.DataFrame
    matrix: Float32s
    features: tuple[str, ...]
    lineage: tuple[Lineage, ...]
    neutral: Mapping[str, float]
    digest: str
    maturity: tuple[KnownBy, ...] = ()
    freshness: Freshness = AS_PUBLISHED

    def column(self, name: str, labels_first: bool = False) -> NDArray[Any]:
        """A feature by its name, else a column of the labels; or the other way round."""
        if name in self.features and not (labels_first and name in self.frame.columns):
            return self.matrix[:, self.features.index(name)]
        if name in self.frame.columns:
            return self.frame[name].to_numpy()
        known = (*self.features, *map(str, self.frame.columns))
        raise DefinitionError(f"training set: neither a feature nor a column of the labels: {unknown(name, known)}")

    def times(self) -> NDArray[np.datetime64]:
        """When each row was shown, UTC."""
        return _utc(self.frame[AT])

    def known(self, task: Task) -> NDArray[np.datetime64]:
        """Since when each row's label is known, UTC: of rows that do not say it, since they are mature."""
        return _utc(self.frame[SINCE]) if SINCE in self.frame else self.times() + np.timedelta64(task.maturity)

    def mostly_unknown(self) -> dict[str, float]:
        """The features that are unknown in `MOSTLY_UNKNOWN` of the rows or more, with the share."""
        shares = np.isnan(self.matrix).mean(axis=0) if len(self.frame) else np.zeros(len(self.features))
        share_by_feature = zip(self.features, shares.tolist(), strict=True)
        return {name: share for name, share in share_by_feature if share >= MOSTLY_UNKNOWN}

    def facts(self, task: Task) -> dict[str, Any]:
        """Numbers about the set: rows, groups, days, shares of each target and of unknown inputs, digest."""
        shares = {f"{task.mean_of(name)}_{name}": float(self.frame[name].mean()) for name in task.targets}
        return {
            "rows": len(self.frame),
            "groups": int(self.frame[task.unit].nunique()),
            "features": len(self.features),
            "from": str(self.frame[AT].min()),
            "to": str(self.frame[AT].max()),
            "share_unknown": float(np.isnan(self.matrix).mean()) if len(self.frame) else 0.0,
            "digest": self.digest,
            "freshness": str(self.freshness),
            **shares,
            **{f"known_at_maturity_{t}": share for t, share in known_at_maturity(self.maturity, task).items()},
        }


def build_training_set(
    versions: pd.DataFrame,
    store: "FeatureStore",
    features: FeatureSet,
    task: Task,
    freshness: Freshness = AS_PUBLISHED,
    days: JoinedDays | None = None,
) -> Dataset:
    """The set to train on: each row has the label that was known when the next part of the split begins.

    versions   every version of the labels, as `build_label_versions` made them
    freshness  how fresh the states are that serving will read
    days       where joined rows are kept; the set is the same without it
    """
    if versions.empty:
        raise _nothing_mature(task)
    dataset = build_dataset(known_at_cuts(versions, task), store, features, task, freshness, days)
    return replace(dataset, maturity=maturity_curve(newest(versions), task))


def build_dataset(
    labels: pd.DataFrame,
    store: "FeatureStore",
    features: FeatureSet,
    task: Task,
    freshness: Freshness = AS_PUBLISHED,
    days: JoinedDays | None = None,
) -> Dataset:
    """Join features point in time, through Feast, and make the model's input of them."""
    if labels.empty:
        raise _nothing_mature(task)
    frame = labels.reset_index(drop=True)
    until, matures_at = freshness_reached(frame, freshness), frame[AT] + task.maturity
    joined = _joined(frame, store, features, until, matures_at, days)
    matrix = assemble(features.features, _inputs(joined, features))
    lineages = lineage.measured(joined, features)
    neutral = {f.name: f.neutral for f in features.features if isinstance(f, Context)}
    dataset = dataset_of(frame, matrix, tuple(f.name for f in features.features), lineages, neutral)
    return replace(dataset, freshness=freshness)


def known_online(
    frame: pd.DataFrame, known_until: "pd.Series[Any]", store: "FeatureStore", features: FeatureSet
) -> Float32s:
    """The model's input as serving made it: counters published up to `known_until`, decayed to the row's moment."""
    frame = frame.reset_index(drop=True)
    until = known_until.reset_index(drop=True)
    joined = _joined(frame, store, features, frame[AT].where(frame[AT] <= until, until))
    return assemble(features.features, _inputs(joined, features))


def freshness_reached(frame: pd.DataFrame, freshness: Freshness) -> "pd.Series[Any]":
    """Up to which publications are online when each row is served."""
    shown = frame[AT].dt.as_unit("us")
    reached = freshness.reached(shown.astype("int64").to_numpy())
    return pd.Series(reached.astype("datetime64[us]"), index=frame.index).dt.tz_localize("UTC")


def dataset_of(
    frame: pd.DataFrame,
    matrix: Float32s,
    features: tuple[str, ...],
    lineages: tuple[Lineage, ...],
    neutral: Mapping[str, float],
) -> Dataset:
    """A set of these parts, with its digest."""
    return Dataset(frame, matrix, features, lineages, neutral, digest(frame, matrix, features))


def digest(frame: pd.DataFrame, matrix: Float32s, features: tuple[str, ...]) -> str:
    """sha256 over names and values; the rows' order counts, the columns' order does not."""
    content = hashlib.sha256(msgspec.json.encode([sorted(frame.columns), features, matrix.shape]))
    for name in sorted(frame.columns):
        content.update(
            pd.util.hash_pandas_object(frame[name].astype(_stable(frame[name])), index=False).to_numpy().tobytes()
        )
    content.update(np.ascontiguousarray(matrix, dtype="<f4").tobytes())
    return content.hexdigest()


def save_dataset(lake: Lake, name: str, dataset: Dataset) -> None:
    """Write a set into the lake as `training_sets/<name>`, one folder a day, in one step and in place of the last."""
    inputs = {f"{PREFIX}{f}": dataset.matrix[:, i] for i, f in enumerate(dataset.features)}
    table = pa.Table.from_pandas(dataset.frame.assign(**{ROW: np.arange(len(dataset.frame))}), preserve_index=False)
    for column, values in inputs.items():
        table = table.append_column(column, pa.array(values, type=pa.float32()))
    about = {
        "features": dataset.features,
        "lineage": dataset.lineage,
        "neutral": dataset.neutral,
        "digest": dataset.digest,
        "maturity": dataset.maturity,
        "freshness": dataset.freshness,
    }
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), ABOUT: msgspec.json.encode(about)})
    days = dataset.times().astype("datetime64[D]")
    parts = ((day.item(), table.filter(pa.array(days == day))) for day in np.unique(days))
    lake.replace_days(f"{SETS}/{name}", parts, only=True)


def load_dataset(lake: Lake, name: str) -> Dataset:
    """A set as it was saved; raises DefinitionError when there is none or its content is not what was saved."""
    table = lake.read(f"{SETS}/{name}")
    if ABOUT not in (table.schema.metadata or {}):
        raise DefinitionError(f"training set {name}: there is none in the lake. Build it (`flywheel run train`).")
    about = msgspec.json.decode(table.schema.metadata[ABOUT])
    table = table.sort_by(ROW)
    features = tuple(about["features"])
    matrix = np.column_stack([table[f"{PREFIX}{f}"].to_numpy() for f in features]).astype(np.float32)
    frame = table.drop_columns([ROW, *(f"{PREFIX}{f}" for f in features)]).to_pandas()
    lineages = tuple(Lineage(**_with_nan(line)) for line in about["lineage"])
    dataset = dataset_of(frame, matrix, features, lineages, about["neutral"])
    if dataset.digest != about["digest"]:
        raise DefinitionError(f"training set {name}: its content has changed since it was built. Build it again.")
    return replace(
        dataset,
        maturity=msgspec.convert(about.get("maturity", []), tuple[KnownBy, ...]),
        freshness=msgspec.convert(about.get("freshness", {}), Freshness),
    )


def _nothing_mature(task: Task) -> DefinitionError:
    return DefinitionError(f"task {task.name}: no mature rows. Ingest more days or wait for windows to close.")


def _with_nan(line: dict[str, Any]) -> dict[str, Any]:
    """The fields of a lineage with NaN where JSON, which has no NaN, holds null."""
    return {name: float("nan") if value is None else value for name, value in line.items()}


def _joined(
    frame: pd.DataFrame,
    store: "FeatureStore",
    features: FeatureSet,
    until: "pd.Series[Any]",
    matures_at: "pd.Series[Any] | None" = None,
    days: JoinedDays | None = None,
) -> pd.DataFrame:
    """The labels with every field of the feature service as published by `until`, in the labels' order.

    Days that are kept are not joined.
    """
    asked = frame[[*features.entities]].assign(**{AT: until})
    if days is None or matures_at is None:
        fields = _fields(asked, store, features)
    else:
        fields = days.fields(asked, matures_at, partial(_fields, store=store, features=features), store, features)
    joined: pd.DataFrame = pd.concat([frame, fields.to_pandas()], axis=1)
    return without_undescribed(joined, features, (until < frame[AT]).to_numpy())


def _fields(asked: pd.DataFrame, store: "FeatureStore", features: FeatureSet) -> pa.Table:
    """Every field of the feature service for each row of entities and a moment, in the rows' order."""
    from feature_repo.stores import with_moments  # Feast takes seconds to import

    entity_rows = asked.assign(**{ROW: np.arange(len(asked))})
    service = store.get_feature_service(features.service)
    job = store.get_historical_features(entity_df=entity_rows, features=service, full_feature_names=True)
    fetched = with_moments(job)
    if len(fetched) != len(asked):
        raise DefinitionError(f"features {features.name}: {len(asked):,} rows asked for, {len(fetched):,} came back")
    return fetched.sort_by(ROW).select([name for name in fetched.column_names if name not in entity_rows])


def _inputs(joined: pd.DataFrame, features: FeatureSet) -> Any:
    from feature_repo.from_frame import inputs_from_frame

    return inputs_from_frame(joined, features, AT)


def _utc(moments: "pd.Series[Any]") -> NDArray[np.datetime64]:
    return np.asarray(moments.dt.tz_convert("UTC").dt.tz_localize(None), dtype="datetime64[us]")


def _stable(column: "pd.Series[Any]") -> Any:
    return "string" if column.dtype == object else column.dtype
