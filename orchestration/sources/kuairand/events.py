"""A row of the log becomes one impression and its engagements. Pure functions of a frame."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from validation.systems.home_feed import ENGAGEMENTS, IMPRESSIONS

if TYPE_CHECKING:
    import pandas as pd

MICROSECONDS = 1_000  # in a millisecond
FLAGS = {
    "click": "is_click",
    "like": "is_like",
    "comment": "is_comment",
    "share": "is_forward",
    "follow": "is_follow",
    "hide": "is_hate",
}


def timed(log: "pd.DataFrame") -> "pd.DataFrame":
    """The log with ids as words and with two moments in microseconds UTC.

    `shown` is `time_ms`. `date` and `hourmin` are Asia/Shanghai and coarse; nothing is decided on them. `known` is when
    the watch ended: no row of the log can have been written earlier.
    """
    user, video = log["user_id"].astype(str), log["video_id"].astype(str)
    shown = log["time_ms"].astype("int64") * MICROSECONDS
    watched = np.maximum(log["play_time_ms"].astype("int64"), 0) * MICROSECONDS
    return log.assign(user_id=user, video_id=video, shown=shown, known=shown + watched)


def prepared_log(log: "pd.DataFrame") -> "pd.DataFrame":
    """The timed log with an id for each feed answer, and the cut's one label split into like and hate."""
    if "label" in log.columns:
        log = log.assign(is_like=log["label"] == 1, is_hate=log["label"] == 0)
    return log.assign(request_id="u" + log["user_id"] + "-" + log["time_ms"].astype(str))


def impressions(log: "pd.DataFrame") -> pa.Table:
    """One row for each row of the log. Rows of one user at the same millisecond come from one feed answer."""
    columns = {
        "request_id": log["request_id"],
        "video_id": log["video_id"],
        "user_id": log["user_id"],
        "event_time": log["shown"],
        "received_at": log["known"],
        "device": ["phone"] * len(log),  # the log is of a phone's app
        "variant": log["policy"],
    }
    return _rows(IMPRESSIONS.schema, columns, len(log))


def engagements(log: "pd.DataFrame") -> pa.Table:
    """A watch for each row, and every other action that the row says happened; all known when the watch had ended."""
    seconds = log["play_time_ms"].to_numpy(dtype=np.float64) / 1000
    watches = _acted(log, "watch", watch_seconds=seconds, long_view=log["long_view"].to_numpy() == 1)
    return pa.concat_tables([watches, *(_acted(log[log[flag] == 1], action) for action, flag in FLAGS.items())])


def _acted(log: "pd.DataFrame", action: str, **more: Any) -> pa.Table:
    columns = {
        "event_id": log["request_id"] + "-" + log["video_id"] + "-" + action,
        "request_id": log["request_id"],
        "user_id": log["user_id"],
        "video_id": log["video_id"],
        "action": [action] * len(log),
        "event_time": log["shown"],
        "received_at": log["known"],
        **more,
    }
    return _rows(ENGAGEMENTS.schema, columns, len(log))


def _rows(schema: pa.Schema, values: dict[str, Any], rows: int) -> pa.Table:
    columns = [_array(values[f.name], f.type) if f.name in values else pa.nulls(rows, f.type) for f in schema]
    return pa.table(columns, schema=schema)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    """Moments are microseconds as whole numbers: a float would lose some."""
    if pa.types.is_timestamp(kind):
        return pa.array(np.asarray(values, dtype=np.int64)).cast(kind)
    return pa.array(values, kind, from_pandas=True)
