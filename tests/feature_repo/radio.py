"""A small world to count: plays of songs over three days, and the formula told event by event."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from feature_repo.definition import CounterView, FeatureSet, Influence, Lookup, Signal
from infra.lake import Lake
from validation.contract import Column, Table

DAYS = (date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3))
START = datetime(2026, 3, 1, tzinfo=UTC)
TIMES = (Column("at", "timestamp", "when"), Column("got", "timestamp", "when we knew it"))
PLAYS = Table(
    "plays", "one song played", "us", ("play",), "at", "got",
    (
        Column("play", "string", "id"), Column("listener", "string", "who", nullable=True),
        Column("song", "string", "what"), Column("share", "float64", "how much was heard", nullable=True), *TIMES,
    ),
)  # fmt: skip
SONGS = Table(
    "songs", "one song", "us", ("song",), "at", "got",
    (Column("song", "string", "id"), Column("artist", "string", "whose"), *TIMES), versioned=True,
)  # fmt: skip
TABLES = {"plays": PLAYS, "songs": SONGS}
LISTENER = CounterView("listener", ("listener",), {"played": ("1h", "30d"), "heard": ("1d",)}, "a listener")
TASTE = CounterView("taste", ("listener", "artist"), {"heard": ("1h", "7d")}, "a listener's taste")
SONG = CounterView("song", ("song",), {"played": ("1d",), "heard": ("7d",)}, "a song's success", capped=True)
DOUBTED = "listener 1"  # of whose plays a quarter counts in the counters of songs
INFLUENCE = Influence("listener", "song", f"if(listener = '{DOUBTED}', 0.25, 1)", a_day=2)
RADIO = FeatureSet(
    "radio", 1, "us", {"listener": "who", "artist": "whose", "song": "what"},
    (Lookup("songs", "song", {"artist": "upper(artist)"}),),
    (Signal("played", "plays", "a play"), Signal("heard", "plays", "a play heard", "share > 0.1", "share * 2")),
    (LISTENER, TASTE, SONG), (), (), influence=INFLUENCE,
)  # fmt: skip

Rows = list[dict[str, Any]]
State = dict[tuple[Any, ...], list[float]]


def moment(hours: float) -> datetime:
    """So many hours after the first midnight, to the second."""
    return START + timedelta(seconds=round(hours * 3600))


def made_plays(count: int = 300) -> Rows:
    """Plays over three days: some late, some without a listener, one dated in the future, one without a share."""
    random = np.random.default_rng(3)
    rows = []
    for i in range(count):
        at = random.uniform(0, 70)
        late = random.choice([0.01, 0.5, 30.0], p=[0.7, 0.2, 0.1])
        share = [None, random.uniform(0, 1), float("nan")][random.choice(3, p=[0.1, 0.85, 0.05])]
        listener = None if i % 17 == 0 else f"listener {random.integers(5)}"
        rows.append(play(i, listener, f"song {random.integers(6)}", share, at, min(at + late, 71.9)))
    return [*rows, play(900, "listener 0", "song 0", 0.5, 5000.0, 20.0)]


def play(i: int, listener: str | None, song: str, share: float | None, *hours: float) -> dict[str, Any]:
    """One play, and the hours at which it happened and was received."""
    at, got = hours
    return {"play": f"p{i}", "listener": listener, "song": song, "share": share, "at": moment(at), "got": moment(got)}


def made_songs() -> Rows:
    """Six songs of three artists; song 5 is described a day late, song 4 twice with different artists."""
    rows = [{"song": f"song {i}", "artist": f"artist {i % 3}", "at": START, "got": START} for i in range(5)]
    rows.append({"song": "song 5", "artist": "artist 2", "at": START, "got": moment(30)})
    return [*rows, {"song": "song 4", "artist": "another", "at": moment(10), "got": moment(10)}]


def in_any_order(plays: Rows) -> Rows:
    """The same plays, shuffled."""
    return [plays[i] for i in np.random.default_rng(1).permutation(len(plays))]


def lake_of(root: Path, deliveries: list[Rows], songs: Rows | None = None) -> Lake:
    """A lake into which plays came in these files."""
    lake = Lake(root)
    for table, files in ((SONGS, [songs if songs is not None else made_songs()]), (PLAYS, deliveries)):
        for rows in files:
            for day in sorted({row["got"].date() for row in rows}):
                of_day = [row for row in rows if row["got"].date() == day]
                lake.append(f"tables/{table.name}", day, pa.Table.from_pylist(of_day, table.schema))
    return lake


def oracle(view: CounterView, plays: Rows, songs: Rows) -> State:
    """The formula, event by event."""
    first = {row["song"]: row for row in sorted(songs, key=lambda row: row["got"], reverse=True)}
    adds: dict[tuple[str, ...], list[tuple[float, float, dict[str, float]]]] = {}
    counted: Counter[tuple[Any, ...]] = Counter()
    known_at = {row["play"]: max(row["got"], first[row["song"]]["got"]) for row in plays if row["song"] in first}
    for row in sorted(
        (row for row in plays if row["song"] in first), key=lambda row: (known_at[row["play"]], row["play"])
    ):
        published = (known_at[row["play"]].timestamp() // 60 + 1) * 60
        entity = {"listener": row["listener"], "artist": first[row["song"]]["artist"].upper(), "song": row["song"]}
        weights = {"played": 1.0}
        if row["share"] is not None and row["share"] > 0.1:
            weights["heard"] = 2 * row["share"]
        if view.capped:
            cells = {signal: (signal, row["listener"], row["song"], published // 86_400) for signal in weights}
            counted.update(cells.values())
            trust = 0.25 if row["listener"] == DOUBTED else 1.0
            weights = {s: w * trust for s, w in weights.items() if counted[cells[s]] <= INFLUENCE.a_day}
        key = tuple(entity[k] for k in view.keys)
        if weights.keys() & view.counts.keys() and None not in key:
            adds.setdefault(key, []).append((published, min(row["at"].timestamp(), published), weights))
    states: State = {}
    signals = [signal for signal, labels in view.counts.items() for _ in labels]
    for key, events in adds.items():
        for now in {published for published, _, _ in events}:
            seen = [event for event in events if event[0] <= now]
            states[(*key, now)] = [
                sum(weights.get(signal, 0.0) * 2 ** (-(now - at) / half_life) for _, at, weights in seen)
                for signal, half_life in zip(signals, view.half_lives, strict=True)
            ]
    return states


def published(lake: Lake, view: CounterView) -> State:
    """What the lake holds as published; a row published twice fails."""
    rows = lake.read(f"states/{view.name}").to_pylist()
    states = state_of(rows, view)
    assert len(states) == len(rows)
    assert all(row["event_timestamp"] == row["published_at"] for row in rows)
    return states


def state_of(rows: Rows, view: CounterView) -> State:
    """Rows by entity and moment."""
    return {
        (*(row[key] for key in view.keys), row["published_at"].timestamp()): [row[name] for name in view.counters]
        for row in rows
    }


def newest(rows: State) -> State:
    """Of each entity's rows the newest."""
    lasts = {key[:-1]: key for key in sorted(rows)}
    return {key: rows[key] for key in lasts.values()}


def assert_same(left: State, right: State) -> None:
    """Both publish the same rows, to 1e-6 of their values."""
    assert left.keys() == right.keys()
    for key, values in left.items():
        np.testing.assert_allclose(values, right[key], rtol=1e-6, atol=1e-30, err_msg=str(key))


def assert_same_when_faded(online: State, view: CounterView, states: State) -> None:
    """Of each entity the newest state is as the formula says, at whatever later moment it was published."""
    expected = {entity: (at, values) for (entity, at), values in newest(states).items()}
    assert {entity for entity, _ in online} == expected.keys()
    for (entity, at), values in online.items():
        faded = expected[entity][1] * np.exp2(-(at - expected[entity][0]) / np.array(view.half_lives))
        np.testing.assert_allclose(values, faded, rtol=1e-6, err_msg=str(entity))


def lines(rows: Rows) -> bytes:
    """Rows as a client writes them; what is no number is left open."""
    return b"".join(json.dumps({k: _plain(v) for k, v in row.items()}).encode() + b"\n" for row in rows)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not np.isfinite(value) else value
