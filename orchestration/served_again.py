"""Rows of a training set made again as serving makes them: what the gate `served` holds training against."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from feature_repo.records import Key, decode, layouts
from infra.arrays import AnyArray, Float32s, Int64s
from infra.manifest import read_manifest
from orchestration.cases_again import CasesAgain
from orchestration.observed import brought_online
from orchestration.records_as_of import records_as_of
from orchestration.shown_log import shown
from orchestration.system import Installation
from serving.definition import Policy
from serving.feedback import FEATURES, RELEASE, RUNG
from serving.model import RecordedRequest, RecordedRequests
from serving.page import FULL, STALE
from training.judging import LoggedFeatures, Replay, Replayed
from training.rows import AT, Dataset, freshness_reached, known_online

LOGGED = 2_000  # rows with logged features that are compared at most, the newest
MICROS = 1e6


def replay_of(installation: Installation) -> Replay:
    """Makes rows again as this installation serves them; by the feature store where it serves nothing."""
    policy = installation.system.policy
    if policy is None:
        return partial(_by_store, installation)
    again = Again(installation, policy) if isinstance(policy, Policy) else CasesAgain(installation, policy)
    return partial(_by_serving, installation, again)


def _by_store(installation: Installation, data: Dataset, rows: AnyArray) -> Replayed:
    """For a system without a service: by the way on which its scores would be asked for, one moment a row."""
    features, frame = installation.system.features, data.frame.iloc[rows]
    matrix = known_online(frame, freshness_reached(frame, data.freshness), installation.store, features)
    log = shown(installation, data.frame)
    origin = "made again by the feature store (this system serves nothing)"
    names = tuple(feature.name for feature in features.features)
    return Replayed(names, matrix, log.agrees[rows], int((~log.agrees).sum()), origin)


def _by_serving(installation: Installation, again: "Again | CasesAgain", data: Dataset, rows: AnyArray) -> Replayed:
    agrees = shown(installation, data.frame).agrees
    frame = data.frame.iloc[rows]
    shown_at = frame[AT].dt.as_unit("us").astype("int64").to_numpy()
    matrix = again.matrix(frame, data.freshness.reached(shown_at))
    states = "as they are online" if data.freshness.longest_s else "as published"
    origin = f"made again by the code that serves, from states {states} when each was shown"
    logged = _logged(installation, again, data, np.flatnonzero(agrees))
    return Replayed(again.names, matrix, agrees[rows], int((~agrees).sum()), origin, logged)


class Again:
    """Rows of one installation, made again by the code that serves."""

    def __init__(self, installation: Installation, policy: Policy) -> None:
        self._installation, self._policy, self._system = installation, policy, installation.system
        self.names = tuple(feature.name for feature in installation.system.features.features)

    def matrix(self, frame: pd.DataFrame, until: Int64s | None = None) -> Float32s:
        """(rows, features) of rows that are logged, NaN for others.

        until  (rows,) microseconds since the epoch up to which states were online; None: all that was published
        """
        service, context = self._policy.service, tuple(self._policy.service.names.context)
        log = shown(self._installation, frame, context).rows
        matrix = np.full((len(frame), len(self.names)), np.nan, dtype=np.float32)
        places = np.flatnonzero(log["logged_at"].notna())
        at = log["logged_at"].to_numpy()[places].astype(np.int64)
        users, items = (frame[name].astype(str).to_numpy()[places] for name in (service.user, service.item))
        reached = at if until is None else np.minimum(at, until[places])
        records = self._records(users, items, log.iloc[places], reached)
        said = [name for name in context if name in log.columns]
        words = log[said].iloc[places].astype(object)
        words[words.isna()] = None
        requests = pd.DataFrame({"user": users, "at": at, **{name: words[name].to_numpy() for name in said}})
        groups = [
            np.asarray(group) for group in requests.groupby(list(requests.columns), dropna=False).indices.values()
        ]
        recorded = RecordedRequests(self._system.features, self._policy, capacity=1024 + 2 * _entities(records))
        wanted = [
            RecordedRequest(
                str(users[group[0]]), items[group].tolist(), {name: words[name].iloc[group[0]] for name in said},
                at[group[0]] / MICROS, {view: _read_by(read, group) for view, read in records.items()},
            )
            for group in groups
        ]  # fmt: skip
        for group, features in zip(groups, recorded.matrices(wanted), strict=True):
            matrix[places[group]] = features
        return matrix

    def _records(
        self, users: AnyArray, items: AnyArray, log: pd.DataFrame, at: Int64s
    ) -> dict[str, list[tuple[Key, bytes | None]]]:
        """View → of each row the entity that it reads there, and its record."""
        service, features = self._policy.service, self._system.features
        keys: dict[str, AnyArray] = {service.user: users, service.item: items}
        keys |= {name: log[name].to_numpy(dtype=object) for name in service.names.context if name in log.columns}
        read: dict[str, list[tuple[Key, bytes | None]]] = {}
        profiles = sorted(features.profile_views, key=lambda view: view.keys[0] not in (service.user, service.item))
        views = {view.name: view.keys for view in profiles} | {view.name: view.keys for view in features.counter_views}
        for view, names in views.items():
            entities = list(zip(*(keys.get(name, [None] * len(at)) for name in names), strict=True))
            read[view] = self._read(view, entities, at)
            if len(read) <= len(profiles):  # what is described gives the keys of other views
                keys |= self._described(view, read[view], {service.user, service.item})
        return read

    def _read(self, view: str, entities: list[Any], at: Int64s) -> list[tuple[Key, bytes | None]]:
        known = [place for place, entity in enumerate(entities) if all(isinstance(part, str) for part in entity)]
        asked = [tuple(entities[place]) for place in known]
        records = records_as_of(self._installation.lake, self._system.features, view, asked, at[known])
        nobody: tuple[Key, bytes | None] = ((), None)
        return [
            (tuple(entity), records[tuple(entity), moment]) if all(isinstance(part, str) for part in entity) else nobody
            for entity, moment in zip(entities, at.tolist(), strict=True)
        ]

    def _described(self, view: str, read: Iterable[tuple[Key, bytes | None]], taken: set[str]) -> dict[str, AnyArray]:
        """Of each row the attributes that are keys of other views."""
        layout, rows = layouts(self._system.features)[view], list(read)
        packed = decode(layout, [key for key, _ in rows], [record for _, record in rows])
        entities = set(self._system.features.entities) - taken
        return {name: packed.column(name) for name in layout.others if name in entities}


def _read_by(read: Sequence[tuple[Key, bytes | None]], group: AnyArray) -> dict[Key, bytes | None]:
    """The records that one request reads of a view."""
    return {key: record for key, record in (read[row] for row in group.tolist()) if key}


def _entities(records: Mapping[str, list[tuple[Key, bytes | None]]]) -> int:
    return max((len({key for key, _ in rows}) for rows in records.values()), default=0)


def _logged(
    installation: Installation, again: "Again | CasesAgain", data: Dataset, known: Int64s
) -> LoggedFeatures | None:
    """The newest rows that were really served with logged features; None where there are none."""
    table = installation.tables[installation.system.task.decisions]
    if not {RELEASE, RUNG, FEATURES} <= {column.name for column in table.columns}:
        return None
    log = shown(installation, data.frame.iloc[known], (RELEASE, RUNG, FEATURES)).rows
    served = log[RUNG].isin([FULL, STALE]) & log[FEATURES].map(np.ndim).eq(1) & log[RELEASE].notna()
    rows = known[np.flatnonzero(served)][-LOGGED:]
    log = log[served].iloc[-LOGGED:]
    orders = {version: _order(installation, version) for version in log[RELEASE].unique()}
    names = tuple(name for name in again.names if all(name in order for order in orders.values()))
    if not len(rows) or not names:
        return None
    values = [
        np.asarray(row[FEATURES], dtype=np.float32)[[orders[row[RELEASE]][name] for name in names]]
        for row in log[[RELEASE, FEATURES]].to_dict("records")
    ]
    frame = data.frame.iloc[rows]
    online = pd.merge_asof(frame[[AT]], brought_online(installation), left_on=AT, right_on="done_at")["until"]
    until = online.dt.as_unit("us").astype("int64").to_numpy()
    matrix = again.matrix(frame, np.where(online.isna(), 0, until))
    return LoggedFeatures(rows, names, np.stack(values), matrix[:, [again.names.index(name) for name in names]])


def _order(installation: Installation, version: str) -> Mapping[str, int]:
    """Where each feature of a release stands in what it logged."""
    manifest = read_manifest(installation.registry.folder(version))
    return {name: place for place, name in enumerate(manifest.features)}
