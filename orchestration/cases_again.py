"""Cases of a training set made again by the code that decides cases."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from feature_repo.records import decode, layouts
from feature_repo.request_time import Recent
from infra.arrays import AnyArray, Float32s, Int64s
from orchestration.records_as_of import records_as_of
from orchestration.shown_log import shown
from orchestration.system import Installation
from serving.case_policy import CasePolicy, asked_of
from serving.model import RecordedCase, RecordedCases

MICROS = 1e6
Entities = list[tuple[Any, ...]]


class CasesAgain:
    """Cases of one installation, made again. What was counted in the last seconds is taken as training counted it."""

    def __init__(self, installation: Installation, policy: CasePolicy) -> None:
        self._installation, self._features = installation, installation.system.features
        table = installation.tables[installation.system.task.decisions]
        derived = [column.name for column in table.columns if column.derived is not None]
        self._columns = [*(column.name for column in asked_of(table, policy)), *derived]
        self._kinds = {column.name: column.dtype for column in table.columns}
        self.names = tuple(feature.name for feature in self._features.features)

    def matrix(self, frame: pd.DataFrame, until: Int64s | None = None) -> Float32s:
        """(rows, features) of rows that are logged, NaN for others.

        until  (rows,) microseconds since the epoch up to which states were online; None: all that was published
        """
        log = shown(self._installation, frame, tuple(self._columns)).rows
        matrix = np.full((len(frame), len(self.names)), np.nan, dtype=np.float32)
        places = np.flatnonzero(log["logged_at"].notna())
        at = log["logged_at"].to_numpy()[places].astype(np.int64)
        given = {name: self._values(name, log, places) for name in self._columns if name in log.columns}
        records = self._records(given, at if until is None else np.minimum(at, until[places]))
        recent = [f.name for f in self._features.features if isinstance(f, Recent) and f.name in frame.columns]
        counted = frame[recent].to_numpy(dtype=np.float64)[places]
        again = RecordedCases(self._features, self._columns)
        cases = [
            RecordedCase(
                {name: values[row] for name, values in given.items()}, at[row] / MICROS, records[row],
                dict(zip(recent, counted[row].tolist(), strict=True)),
            )
            for row in range(len(places))
        ]  # fmt: skip
        for place, features in zip(places.tolist(), again.matrices(cases), strict=True):
            matrix[place] = features[0]
        return matrix

    def _values(self, name: str, log: pd.DataFrame, places: AnyArray) -> list[Any]:
        """A column of the request as a request gives it: None where it gave nothing."""
        column = log[name].iloc[places].astype(object)
        values = [value if known else None for value, known in zip(column, column.notna(), strict=True)]
        if self._kinds[name] == "timestamp":
            values = [None if value is None else pd.Timestamp(value).to_pydatetime() for value in values]
        return values

    def _records(self, given: Mapping[str, list[Any]], at: Int64s) -> list[dict[tuple[str, str], bytes]]:
        """Of each row the records that it reads, by their places in Redis."""
        keys: dict[str, Any] = dict(given)
        by_row: list[dict[tuple[str, str], bytes]] = [{} for _ in range(len(at))]
        laid_out = layouts(self._features)
        views = {view.name: view.keys for view in self._features.profile_views}
        profiles = set(views)
        views |= {view.name: view.keys for view in self._features.counter_views}
        for view, names in views.items():
            layout = laid_out[view]
            entities: Entities = list(zip(*(keys.get(name, [None] * len(at)) for name in names), strict=True))
            known = [row for row, entity in enumerate(entities) if None not in entity]
            asked = [tuple(map(str, entities[row])) for row in known]
            records = records_as_of(self._installation.lake, self._features, view, asked, at[known])
            read = [records[entity, int(at[row])] for entity, row in zip(asked, known, strict=True)]
            for row, entity, record in zip(known, asked, read, strict=True):
                if record is not None:
                    by_row[row][layout.redis_key(entity), layout.field(entity)] = record
            if view in profiles:
                packed = decode(layout, asked, read)
                for name in set(self._features.entities) & set(layout.others) - keys.keys():
                    column: list[Any] = [None] * len(at)
                    for row, word in zip(known, packed.column(name).tolist(), strict=True):
                        column[row] = word
                    keys[name] = column
        return by_row
