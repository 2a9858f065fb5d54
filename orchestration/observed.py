"""A day as monitoring sees it: shown rows with their outcomes, their features computed again, and what was served."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from feature_repo.stream import online_notes, stream_folder
from infra import manifest
from infra.arrays import Bools, Float32s
from infra.errors import DefinitionError
from infra.freshness import AS_PUBLISHED, Freshness
from infra.lake import days_from
from orchestration.labels import labels_of_days
from orchestration.maturing import comes_late
from orchestration.system import Installation
from serving.feedback import FEATURES, POSITION, PROPENSITY, RELEASE, RUNG, SCORE
from serving.page import FULL, STALE
from training.fitting import acts_from, as_served
from training.objectives import acted_on
from training.rows import (
    AT,
    JUDGED,
    WEIGHT,
    Dataset,
    build_dataset,
    known_online,
    load_dataset,
    logged_columns,
    save_dataset,
)

LOGGED = (RELEASE, RUNG, POSITION, SCORE, FEATURES, PROPENSITY)
STEADY = timedelta(days=7)  # before a release: watched too, for comparison with the days after it
MOMENT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Observed:
    """The rows of one day, aligned: labels' columns, model input as training would make it, and who served them."""

    dataset: Dataset
    served: pd.DataFrame

    @property
    def matrix(self) -> Float32s:
        """(rows, features) float32."""
        return self.dataset.matrix

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Which rows are of the kind that rankers are judged on: those a reference was made from."""
        return np.asarray(self.dataset.frame[JUDGED], dtype=bool)

    def users(self, installation: Installation) -> NDArray[Any]:
        """Whose each row is."""
        return np.asarray(self.dataset.frame[installation.system.task.cluster])

    def scores(self, installation: Installation, version: str) -> Float32s:
        """What a release would score these rows when it serves them: without inputs that only the log has.

        Of features made again: for drift against the release's reference, not for figures of what was served.
        """
        scores: Float32s = installation.registry.scorer(version).scores(
            as_served(self.matrix, self.dataset, installation.system.task)
        )
        return scores

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return self.dataset.features

    @classmethod
    def load(cls, installation: Installation, day: date, *, matured: bool = False) -> "Observed | None":
        """The day as `observe` stored it, None when there is nothing; `matured`: when all that followed was known."""
        try:
            dataset = load_dataset(installation.lake, _name(day, matured and comes_late(installation.system.task)))
        except DefinitionError:
            return None
        return cls(dataset, _served(installation, dataset.frame))

    @property
    def releases(self) -> list[str]:
        """The releases that ranked or decided any row, in order."""
        return sorted(map(str, self.served[RELEASE].dropna().unique()))

    def served_by_release(self, version: str) -> tuple[NDArray[np.intp], Float32s]:
        """The places of the rows a release served from all it needs, and the features it logged for them.

        An answer given while Redis did not answer was scored on neutral states and is marked as degraded: it is left
        out, since that is no skew.
        """
        full = self.served[RUNG].isin([FULL, STALE])
        logs = np.array(
            [np.ndim(features) == 1 and len(features) > 0 for features in self.served[FEATURES]], dtype=bool
        )
        by_release = (self.served[RELEASE] == version) & logs & full
        rows = np.flatnonzero(by_release.to_numpy())
        logged = [np.asarray(values, dtype=np.float32) for values in self.served[FEATURES].iloc[rows]]
        return rows, np.stack(logged) if logged else np.empty((0, len(self.features)), np.float32)

    def recomputed(self, installation: Installation, rows: NDArray[np.intp]) -> Float32s:
        """What serving should have computed for these rows, from what had been brought online before each was shown."""
        frame = self.dataset.frame.iloc[rows]
        until = pd.merge_asof(frame[[AT]], brought_online(installation), left_on=AT, right_on="done_at")["until"]
        matrix = known_online(frame, until, installation.store, installation.system.features)
        return as_served(matrix, self.dataset, installation.system.task)

    def names(self, rows: NDArray[np.intp]) -> list[str]:
        """What to call these rows when they are shown as examples."""
        return [" ".join(map(str, key)) for key in self.served.iloc[rows].drop(columns=[*LOGGED]).to_numpy()]

    def logged_scores(self, installation: Installation, *versions: str) -> Float32s:
        """The score by which each row was ranked, NaN where no model ranked it.

        What these releases served before scores were logged is scored from the features they logged.
        """
        scores = self.served[SCORE].to_numpy(dtype=np.float32, na_value=np.nan, copy=True)
        with_features = np.array([np.ndim(features) == 1 for features in self.served[FEATURES]], dtype=bool)
        unscored = np.isnan(scores) & with_features
        for version in versions:
            rows = np.flatnonzero(unscored & (self.served[RELEASE] == version).to_numpy())
            if len(rows):
                logged = np.stack([np.asarray(values, dtype=np.float32) for values in self.served[FEATURES].iloc[rows]])
                scores[rows] = installation.registry.scorer(version).scores(logged)
        return scores

    def actions(
        self, installation: Installation, version: str, rows: NDArray[np.intp], again: Float32s
    ) -> tuple[Bools, Bools] | None:
        """Which rows the release acted on, and which it would by features `again`; None for one that never acts."""
        objective, point = installation.system.task.objective, acts_from(installation.registry.folder(version))
        served = acted_on(objective, self.logged_scores(installation, version)[rows], point)
        if served is None:
            return None
        made_again = acted_on(objective, installation.registry.scorer(version).scores(again), point)
        return None if made_again is None else (served, made_again)

    def outcome_frame(self, installation: Installation, *versions: str) -> pd.DataFrame:
        """Label, unit, release, rung and logged score of every row; nothing in it was made again.

        `known` says of which the outcome may be judged; of objectives that never act, only these are there. `by_lot`
        says which the lot drew, or could have drawn: what is known of those that it drew stands for them all.
        """
        task = installation.system.task
        columns = {"label": task.target, "unit": task.unit, "cluster": task.cluster, **task.objective.roles}
        columns |= {WEIGHT: WEIGHT} if WEIGHT in self.dataset.frame else {}
        frame = pd.DataFrame({name: self.dataset.column(column, labels_first=True) for name, column in columns.items()})
        release, rung, position = (self.served[name].to_numpy() for name in (RELEASE, RUNG, POSITION))
        scores = self.logged_scores(installation, *versions)
        propensity = self.served[PROPENSITY].to_numpy(dtype=np.float64, na_value=np.nan)
        by_lot = (propensity > 0) & (propensity < 1)
        frame = frame.assign(
            release=release, served_by=rung, score=scores, position=position, known=self.judged, by_lot=by_lot
        )
        return frame if task.objective.acts else frame[self.judged]


def observe(installation: Installation, day: date, *, matured: bool = False) -> int:
    """Make and store a day's rows, from states as fresh as the live release's; returns how many there are.

    Where labels take days, rows without one are there, too: drift and skew are of inputs, which need none. What follows
    rows is measured when all labels of the day are known, from rows made then (`matured`), which are stored beside.
    """
    task, features = installation.system.task, installation.system.features
    known = installation.now()
    if comes_late(task):
        known = max(known, task.matures(day))
    labels = labels_of_days(installation, day, day, known)
    if labels.empty:
        return 0
    freshness = freshness_trained_with(installation, installation.registry.live())
    dataset = build_dataset(labels, installation.store, features, task, freshness)
    save_dataset(installation.lake, _name(day, matured and comes_late(task)), dataset)
    return len(labels)


def worth_watching(installation: Installation, first: date, last: date) -> list[date]:
    """The days of a range that can be compared with the live release; none before there is one.

    A backfill of months is watched from shortly before the release on: from older days the release was trained.
    """
    live = installation.registry.live()
    if live is None:
        return []
    since = manifest.read_manifest(installation.registry.folder(live)).created_at.date() - STEADY
    return [day for day in days_from(first, last) if day >= since]


def freshness_trained_with(installation: Installation, version: str | None) -> Freshness:
    """How fresh the states were that a release learned from."""
    facts = manifest.read_manifest(installation.registry.folder(version)).training if version else None
    return facts.freshness if facts else AS_PUBLISHED


def note_online(installation: Installation, until: datetime) -> None:
    """Write down that everything published up to a moment is online now."""
    done_at = installation.now()
    times = pa.table({"until": pa.array([until], MOMENT), "done_at": pa.array([done_at], MOMENT)})
    installation.lake.append("online", done_at.date(), times)


def brought_online(installation: Installation) -> pd.DataFrame:
    """Up to when publications were online (`until`) and since when (`done_at`), in order; the stream's are included."""
    notes = online_notes(stream_folder(installation.settings, installation.system.features.name))
    columns = {name: pa.array([note[i] for note in notes], MOMENT) for i, name in enumerate(("until", "done_at"))}
    every = pa.concat_tables([installation.lake.read("online"), pa.table(columns)], promote_options="default")
    online: pd.DataFrame = every.to_pandas().sort_values("done_at", kind="stable")
    return online


def _name(day: date, matured: bool = False) -> str:
    return f"{'judged' if matured else 'observed'}-{day}"


def _served(installation: Installation, frame: pd.DataFrame) -> pd.DataFrame:
    """Who served each row, in the rows' order; a source without a decision log served none of them."""
    return logged_columns(installation.lake, installation.tables[installation.system.task.decisions], frame, LOGGED)
