"""The point-in-time join: for each question the newest row known at its time; whole columns at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infra.arrays import Int64s

NOTHING = -1


def last_known(codes: Int64s, at: Int64s, order: Int64s, asked_codes: Int64s, asked_at: Int64s) -> Int64s:
    """The row that answers each question: the last of its entity's rows up to the asked time; NOTHING if there is none.

    codes, at     (rows,) entity and time of each row; NOTHING names no entity
    order         (rows,) which of several rows at the same time is the later one
    asked_codes   (questions,) likewise; a row at the asked time itself answers it

    All rows and questions are sorted together, rows before questions of the same time; each question takes the last row
    before it, by a running maximum.
    """
    rows, question_count = len(codes), len(asked_codes)
    code, time = np.concatenate([codes, asked_codes]), np.concatenate([at, asked_at])
    turn = np.concatenate([order, np.full(question_count, np.iinfo(np.int64).max)])
    sequence = np.lexsort((turn, time, code))
    is_row = sequence < rows
    place = np.maximum.accumulate(np.where(is_row, np.arange(len(sequence)), NOTHING))
    row_before = np.where(place == NOTHING, NOTHING, sequence[place])
    answers = np.full(question_count, NOTHING)
    answers[sequence[~is_row] - rows] = row_before[~is_row]
    answered = (answers != NOTHING) & (asked_codes != NOTHING)
    answered[answered] &= codes[answers[answered]] == asked_codes[answered]
    return np.where(answered, answers, NOTHING)


def never_superseded(codes: Int64s, at: Int64s, order: Int64s) -> NDArray[np.bool_]:
    """(rows,) whether a row was the newest of its entity when it became known: `order` is by age, `at` is when."""
    sequence = np.lexsort((order, at, codes))
    newest = codes[sequence] * (len(codes) + 1) + order[sequence]
    is_newest = np.empty(len(codes), dtype=bool)
    is_newest[sequence] = newest == np.maximum.accumulate(newest)
    return is_newest


def newest(codes: Int64s, order: Int64s) -> Int64s:
    """The last row of each entity."""
    sequence = np.lexsort((order, codes))
    sorted_codes = codes[sequence]
    last = np.append(sorted_codes[1:] != sorted_codes[:-1], True) if len(codes) else np.empty(0, dtype=bool)
    rows: Int64s = sequence[last & (sorted_codes != NOTHING)]
    return rows


def ages(rows: pa.Table, columns: Sequence[str]) -> Int64s:
    """(rows,) place of each row when sorted by these columns, nulls first."""
    sequence = pc.sort_indices(rows, sort_keys=[(c, "ascending", "at_start") for c in columns]).to_numpy()
    place = np.empty(len(rows), dtype=np.int64)
    place[sequence] = np.arange(len(rows))
    return place


def micros(column: pa.ChunkedArray, missing: Any = 0) -> Any:
    """(rows,) microseconds since the epoch; `missing` where there is no moment."""
    microseconds = column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())
    return np.where(microseconds.is_null().to_numpy(), missing, microseconds.fill_null(0).to_numpy())


def codes_of(*tables: pa.Table, keys: Sequence[str]) -> list[Int64s]:
    """A number for each row's entity, the same in all tables; NOTHING where a key is null."""
    total: Int64s = np.zeros(sum(len(t) for t in tables), dtype=np.int64)
    unknown = np.zeros(len(total), dtype=bool)
    for key in keys:
        column = pa.chunked_array([chunk for t in tables for chunk in t[key].chunks], type=tables[0][key].type)
        encoded: Any = pc.dictionary_encode(column).combine_chunks()
        unknown |= encoded.indices.is_null().to_numpy(zero_copy_only=False)
        part = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        _, total = np.unique(total * max(len(encoded.dictionary), 1) + part, return_inverse=True)
    total = np.where(unknown, NOTHING, total)
    return np.split(total, np.cumsum([len(t) for t in tables])[:-1])
