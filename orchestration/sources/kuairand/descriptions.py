"""Users and videos, described by the two tables, and otherwise by the log's first row of each."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from validation.systems.home_feed import AGES, USERS, VIDEOS

SHANGHAI = "Asia/Shanghai"
DAY = 86_400_000_000  # microseconds


def first_sights(parts: Sequence[pd.DataFrame], key: str) -> pd.DataFrame:
    """The earliest row of each entity, in order of time."""
    rows = pd.concat(parts, ignore_index=True).sort_values(["shown", key], kind="stable")
    return rows.drop_duplicates(key).reset_index(drop=True)


def videos(sights: pd.DataFrame, table: pd.DataFrame) -> pa.Table:
    """A description of each video seen, received when it was first shown.

    It holds only what cannot depend on what happened later: length, creator, first tag, day of upload. The status is
    `live` because it was shown; the table's own is as of the day the data set was made, and is not read. The data set
    has no age ratings: a video is rated for everybody, since it was shown to users of all ages. A video without a
    table row gets a creator of its own, so that all unknown creators do not count as one.
    """
    described = sights.merge(_by_word(table, "video_id"), on="video_id", how="left")
    author = described["author_id"].astype("Int64").astype("string")
    length = described["duration_ms"].where(described["duration_ms"] > 0, described["video_duration"])
    columns: dict[str, Any] = {
        "creator_id": author.fillna("unknown-" + described["video_id"]),
        "category": described["tag"].astype("string").str.split(",").str[0].replace("", pd.NA).fillna("unknown"),
        "duration_s": (length / 1000).where(length > 0),
        "language": "und",
        "regions": [()] * len(described),
        "uploaded_at": _uploaded(described),
        "status": "live",
        "age_rating": AGES[0],
        "event_time": described["shown"],
        "received_at": described["shown"],
    }
    return _rows(VIDEOS.schema, described.assign(**columns))


def users(sights: pd.DataFrame, table: pd.DataFrame, first: date) -> pa.Table:
    """A description of each user seen, taken to be known as the first day began.

    A user without a table row is described at first sight, and signed up then as far as anyone knows. Nobody's age is
    known, and nobody has left.
    """
    described = sights.merge(_by_word(table, "user_id"), on="user_id", how="left")
    start = pd.Timestamp(first).value // 1000
    since = described["shown"].where(described["register_days"].isna(), start).astype("int64")
    columns: dict[str, Any] = {
        "signup_at": since - described["register_days"].fillna(0).astype("int64") * DAY,
        "region": "cn",
        "language": "zh",
        "device": "phone",
        "age_group": None,
        "status": "active",
        "event_time": since,
        "received_at": since,
    }
    return _rows(USERS.schema, described.assign(**columns))


def _by_word(table: pd.DataFrame, key: str) -> pd.DataFrame:
    return table.drop_duplicates(key).astype({key: str})


def _uploaded(described: pd.DataFrame) -> "pd.Series[Any]":
    """When the day of upload began in Shanghai; the first showing, if that is earlier or no day is known."""
    day = pd.to_datetime(described["upload_dt"], errors="coerce").dt.tz_localize(SHANGHAI).dt.tz_convert("UTC")
    moment = (day - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(microseconds=1)
    return moment.where(moment < described["shown"], described["shown"]).astype("int64")


def _rows(schema: pa.Schema, columns: pd.DataFrame) -> pa.Table:
    return pa.table([_array(columns[field.name], field.type) for field in schema], schema=schema)


def _array(values: "pd.Series[Any]", kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array(values.to_numpy(dtype=np.int64)).cast(kind)
    return pa.array(values, kind, from_pandas=True)
