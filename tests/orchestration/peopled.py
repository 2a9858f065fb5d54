"""A home in which two people have left something in every store, written by what writes there where that is fast."""

import gzip
import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_repo.definition import CounterView
from feature_repo.records import connect, encode, joined, layouts, publish_vectors, seen_prefix, vector_layout
from feature_repo.records.redis_records import write_records
from feature_repo.stream import stream_folder
from feature_repo.stream.row_bytes import packed
from feature_repo.stream.stream_state import StreamState
from infra import alerts
from infra.settings import Settings
from orchestration.ingestion import Ingested, ingest_days
from orchestration.mending import discard_day
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from serving.deciding import Review, ReviewQueue
from training.release import candidate_folder, user_vectors_file
from training.rows import dataset_of, save_dataset, save_labels
from validation.contract import Table
from validation.systems.home_feed import ENGAGEMENTS, IMPRESSIONS, USERS

CANARY, OTHER = "canary-7f3a", "canary-7f3b"  # one letter apart: who is erased takes nobody along
WORDS = (CANARY, "canary7f3a-event", "canary7f3a-page")  # also what only the person's own rows are called
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
DAY = NOON.date()
FEATURES = HOME_FEED.features


def installation(home: Path, redis_url: str) -> Installation:
    """The home feed at noon of its day, in a home."""
    return Installation(HOME_FEED, Settings(home=home, redis_url=redis_url, replay_from=NOON, hand_over_s=0.1))


def event(person: str, number: int, **more: Any) -> dict[str, Any]:
    """A click of a person."""
    at = {
        "event_time": (NOON - timedelta(minutes=9)).isoformat(),
        "received_at": (NOON - timedelta(minutes=8)).isoformat(),
    }
    ids = {"event_id": f"{_plain(person)}-event{number}", "request_id": f"{_plain(person)}-page{number}"}
    return {**ids, "user_id": person, "video_id": f"v{number}", "action": "click", **at, **more}


def user(person: str, **more: Any) -> dict[str, Any]:
    """A description of a person."""
    at = {"event_time": (NOON - timedelta(hours=2)).isoformat(), "received_at": (NOON - timedelta(hours=1)).isoformat()}
    words = {"region": "eu", "language": "de", "device": "phone", "status": "active"}
    return {"user_id": person, "signup_at": "2026-01-01T00:00:00Z", **words, **at, **more}


def shown(person: str, number: int) -> dict[str, Any]:
    """A video shown to a person."""
    row = event(person, number)
    row = {name: row[name] for name in ("request_id", "video_id", "user_id", "event_time", "received_at")}
    return row | {"position": 1, "device": "phone", "variant": "champion"}


def lines(rows: Iterable[dict[str, Any] | bytes]) -> bytes:
    """Rows as JSON lines."""
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def land(at: Installation, table: Table, name: str, content: bytes) -> None:
    """Deliver a file."""
    path = at.settings.landing / table.name / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def ingest(at: Installation, table: Table) -> Ingested:
    """Take in what landed."""
    return ingest_days(at, table, DAY, DAY)


def fill(at: Installation) -> None:
    """Leave something of both people everywhere."""
    for fills in (_tables, _features, _training, _stream, _messages, _landing, _reviews, _answered, online):
        fills(at)


def _answered(at: Installation) -> None:
    """A page trace and a row of the shadow log of each of them."""
    for name in ("traces", "shadow"):
        path = at.settings.serving / name / f"{name}-1.jsonl"
        path.parent.mkdir(parents=True)
        rows = [{"request_id": f"{who}-page", "asker": who} for who in (CANARY, OTHER)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _reviews(at: Installation) -> None:
    queue = ReviewQueue(at.settings.serving / ReviewQueue.FILE)
    for person in (CANARY, OTHER):
        review = Review(f"case-of-{person}", NOON.timestamp(), 1.0, 0.5, False, [], {"user_id": person}, person=person)
        assert queue.take(review, str(DAY), 9)
    queue.close()


def _tables(at: Installation) -> None:
    crowd = [user(f"user-{i:03}") for i in range(60)]
    land(at, USERS, f"{DAY}.jsonl", lines([*crowd, user(CANARY), user(OTHER)]))
    ingest(at, USERS)
    land(
        at, USERS, f"{DAY}-again.jsonl", lines([*crowd, user(CANARY, device="tv"), user(OTHER)])
    )  # the ledger quotes it
    ingest(at, USERS)
    events = [event(person, i) for i in range(30) for person in (CANARY, OTHER, "user-001")]
    broken = [
        event(CANARY, 90, action="clik"),
        event(OTHER, 90, action="clik"),
        b'{"user_id": "' + CANARY.encode() + b'", "vi',
    ]
    land(at, ENGAGEMENTS, f"{DAY}-1.jsonl", lines([*events[:40], *broken[:2]]))
    ingest(at, ENGAGEMENTS)
    discard_day(at, DAY, "engagements", "test events")
    land(at, ENGAGEMENTS, f"{DAY}-2.jsonl.gz", gzip.compress(lines([*events, *broken])))
    ingest(at, ENGAGEMENTS)
    land(
        at,
        IMPRESSIONS,
        f"{DAY}.csv",
        pd.DataFrame([shown(p, i) for i in range(30) for p in (CANARY, OTHER)]).to_csv(index=False).encode(),
    )
    ingest(at, IMPRESSIONS)


def _features(at: Installation) -> None:
    moment = pa.timestamp("us", tz="UTC")
    for view in FEATURES.counter_views:
        keys = {key: [CANARY, OTHER] if key == "user_id" else ["x1", "x2"] for key in view.keys}
        rows = pa.table(
            {**keys, "published_at": pa.array([NOON] * 2, moment), **{c: [1.0, 1.0] for c in view.counters}}
        )
        at.lake.replace(f"states/{view.name}", DAY, rows)
        at.lake.replace(f"snapshots/{view.name}", DAY, rows)
        at.lake.draft(f"states/{view.name}", DAY)
    pq.write_table(pa.table({"user_id": [CANARY]}), at.lake.draft("states/user", DAY))  # of a write that ended early
    rows = pa.table(
        {"user_id": [CANARY, OTHER], "region": ["eu", "eu"], "event_timestamp": pa.array([NOON] * 2, moment)}
    )
    at.lake.replace("profiles/user_profile", DAY, rows)


def _training(at: Installation) -> None:
    frame = pd.DataFrame({"request_id": [f"{_plain(p)}-page1" for p in (CANARY, OTHER)], "user_id": [CANARY, OTHER]})
    frame = frame.assign(event_timestamp=pd.to_datetime([NOON] * 2, utc=True).astype("datetime64[us, UTC]"))
    save_labels(at.lake, "labels", frame, [DAY])
    for name in (at.system.name, f"observed-{DAY}"):
        save_dataset(at.lake, name, dataset_of(frame, np.ones((2, 1), np.float32), ("age",), (), {}))
    path = user_vectors_file(candidate_folder(at.settings, at.system.name))
    path.parent.mkdir(parents=True)
    np.savez(
        path, space=np.array("s"), users=np.array([CANARY, OTHER], dtype=np.bytes_), vectors=np.ones((2, 4), np.float32)
    )


def _stream(at: Installation) -> None:
    state = StreamState(stream_folder(at.settings, FEATURES.name), "counted")
    for person in (CANARY, OTHER):
        rows = pa.Table.from_pylist(
            [event(person, 5) | {"event_time": NOON, "received_at": NOON}], schema=ENGAGEMENTS.schema
        )
        [waiting] = packed(ENGAGEMENTS.schema, rows)
        state.wait([("engagements", "videos by video_id", "v5", 1, waiting)])
        state.put_states("user_category", [(joined((person, "music")), 1, 1, b"0")])
        state.count([(joined((person, "v5", "20614")), 20_614, waiting)])
        state.hold("user", [(person, 1, b"0")])
        description = packed(
            USERS.schema,
            pa.Table.from_pylist(
                [user(person) | dict.fromkeys(("signup_at", "event_time", "received_at"), NOON)], schema=USERS.schema
            ),
        )
        state.describe("users by user_id", [(person, 1, *description * 2)])
    state.close()


def online(at: Installation) -> None:
    """What the online store has of both."""
    redis, now = connect(at.settings.redis_url), at.now()
    micros = np.array([int(NOON.timestamp() * 1e6)])
    for view in FEATURES.counter_views:
        for person in (CANARY, OTHER) if "user_id" in view.keys else ():
            _record(redis, view, person, micros, now)
    for person in (CANARY, OTHER):
        redis.lpush(seen_prefix(FEATURES.name, "user_id") + person, b"12345678")
    publish_vectors(
        redis, vector_layout(FEATURES.name, "user_id", "space", 2), [CANARY, OTHER], np.ones((2, 2), np.float32), now
    )
    redis.close()


def _record(redis: Any, view: CounterView, person: str, micros: "np.ndarray[Any, Any]", now: datetime) -> None:
    layout = layouts(FEATURES)[view.name]
    floats = np.zeros((1, len(layout.floats)), np.float32)
    key = tuple(person if name == "user_id" else "x1" for name in layout.keys)
    write_records(
        redis, layout, [key], encode(layout, floats, [micros.tolist()] * len(layout.others), micros, micros), now
    )


def _messages(at: Installation) -> None:
    alerts.write(at.settings.home, NOON, table="users", error=f"user_id {CANARY}: `device` was phone, now tv")
    alerts.write(at.settings.home, NOON, table="users", error=f"user_id {OTHER}: `device` was phone, now tv")
    at.settings.reports.mkdir()
    (at.settings.reports / "skew.md").write_text(
        f"| {_plain(CANARY)}-page1 v1 | 0.5 |\n| {_plain(OTHER)}-page1 v1 | 0.5 |\n"
    )
    (at.settings.home / "dagster").mkdir()
    with closing(sqlite3.connect(at.settings.home / "dagster" / "runs.db")) as sql:
        sql.execute("CREATE TABLE event_logs (id INTEGER PRIMARY KEY, event TEXT)")
        sql.executemany(
            "INSERT INTO event_logs (event) VALUES (?)",
            [(json.dumps({"text": f"unequal: {p}"}),) for p in (CANARY, OTHER, CANARY)],
        )
        sql.execute("DELETE FROM event_logs WHERE id = 3")  # its bytes stay in a free page
        sql.commit()


def _landing(at: Installation) -> None:
    land(at, ENGAGEMENTS, "waiting.jsonl", lines([event(CANARY, 50), event(OTHER, 50)]))
    land(at, ENGAGEMENTS, "engagements-20260610T115900-1-1.jsonl.open", lines([event(CANARY, 51), event(OTHER, 51)]))
    failed = at.settings.landing / "failed" / "users"
    failed.mkdir(parents=True)
    (failed / "x.jsonl").write_bytes(lines([user(CANARY), user(OTHER)]))
    (failed / "x.jsonl.error.txt").write_text(f"user {CANARY}: torn\n")
    mapped = at.settings.home / "mapped" / "users"
    mapped.mkdir(parents=True)
    pq.write_table(pa.table({"user_id": [CANARY, OTHER]}), mapped / "x.parquet")


def _plain(person: str) -> str:
    return person.replace("-", "", 1)
