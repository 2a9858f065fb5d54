"""Killed between any two steps of a write and done again: nothing is lost, nothing doubled, the ledger balances.

At each failpoint the home is copied: the copy is what a process leaves that is killed there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from parcels import ARRIVAL, NOON

from feature_repo.definition import CounterView, FeatureSet, Signal
from infra import failpoint
from infra.lake import Lake
from infra.settings import Settings
from orchestration.ages import Ages, Remembered
from orchestration.ingestion import ingest_days
from orchestration.retention import retain
from orchestration.system import Installation, System
from tests.erasure_steps import OF_ERASURE
from training.definition import Outcome, Task
from validation.batches import ledger
from validation.batches.intake import discard, ingest, replay
from validation.contract import Column, Table
from validation.definition import BatchLimits, GateLimits
from validation.files.delivered import delivered_from_jsonl

ROOT = Path(__file__).parents[2]
NAMES = {
    name
    for folder in ("infra", "validation", "feature_repo", "orchestration")
    for file in (ROOT / folder).rglob("*.py")
    if not file.relative_to(ROOT).as_posix().startswith(OF_ERASURE)
    for name in re.findall(r'\breached\("([^"]+)"\)', file.read_text())
}
SEEN = Table(
    name="seen",
    row="one thing seen",
    owner="tests",
    key=("thing",),
    event_time="at",
    received_time="known",
    columns=(
        Column("thing", "string", "id"),
        Column("colour", "string", "how it looked", one_of=("red", "blue")),
        Column("at", "timestamp", "when it was seen"),
        Column("known", "timestamp", "when we knew"),
    ),
    limits=BatchLimits(max_quarantined_of_batch=0.6),
)
LATER = ARRIVAL + timedelta(hours=1)
Step = Callable[[Path], object]


def lines(first: int, last: int) -> bytes:
    """Things from first to last, received on two days; the first two have no right colour."""
    rows = [
        {
            "thing": f"t{i}",
            "colour": "rd" if i < first + 2 else "red",
            "at": (NOON - timedelta(days=1)).isoformat(),
            "known": (NOON - timedelta(hours=i % 2 * 13)).isoformat(),
        }
        for i in range(first, last)
    ]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def settings_of(home: Path) -> Settings:
    return Settings(home=home, system="tests", replay_from=LATER)


def lake_of(home: Path) -> Lake:
    return Lake(settings_of(home).lake)


def take(home: Path, content: bytes, batch: str) -> None:
    ingest(lake_of(home), SEEN, delivered_from_jsonl(SEEN, content), ARRIVAL, batch)


def mended(row: Any) -> bytes | None:
    """Half of the odd rows as they should have been."""
    return row.raw.replace(b'"rd"', b'"blue"') if int(json.loads(row.raw)["thing"][1:]) % 2 else None


def replayed(home: Path) -> None:
    replay(lake_of(home), SEEN, ARRIVAL.date(), LATER, mended)


def taken_before(home: Path) -> None:
    """A lake that holds something, with a day of quarantine that was replaced once already."""
    take(home, lines(0, 6), "b0")
    replayed(home)


def ingested(home: Path) -> None:
    take(home, lines(100, 106), "b1")


def earlier(home: Path) -> None:
    """Rows that are there already, two of which were received a day earlier than they said before."""
    rows = [json.loads(line) for line in lines(102, 106).splitlines()]
    known = (NOON - timedelta(days=1)).isoformat()
    changed = [row | {"colour": "red"} | ({"known": known} if i < 2 else {}) for i, row in enumerate(rows)]
    take(home, b"".join(json.dumps(row).encode() + b"\n" for row in changed), "b2")


def discarded(home: Path) -> None:
    discard(lake_of(home), SEEN, ARRIVAL.date(), LATER, "not ours")


def landed(home: Path) -> None:
    """Three small files of the service, and one of somebody else."""
    folder = settings_of(home).landing / "seen"
    folder.mkdir(parents=True)
    for i in range(3):
        (folder / f"seen-20260503T10000{i}-77-{i}.jsonl").write_bytes(lines(300 + 10 * i, 303 + 10 * i))
    (folder / "2026-05-03.jsonl").write_bytes(lines(400, 405))


def emptied(home: Path) -> None:
    """The landing taken in, as a run does it."""
    system = System("tests", (SEEN,), None, None, None)  # type: ignore[arg-type]  ingestion asks for tables alone
    at = Installation(system, settings_of(home))
    ingest_days(at, SEEN, NOON.date(), NOON.date())


def labelled(home: Path) -> None:
    lake_of(home).replace("labels", NOON.date(), pa.table({"x": ["old"]}))
    lake_of(home).append("labels", ARRIVAL.date(), pa.table({"x": ["old"]}))


def relabelled(home: Path) -> None:
    new = pa.table({"x": ["new"]})
    lake_of(home).replace_days("labels", [(NOON.date() - timedelta(days=1), new), (NOON.date(), new)], only=True)


def half_ingested(home: Path) -> None:
    """What a process leaves that is killed before its line is in the ledger."""
    left = home.with_name("left")
    _, copies = watched(home, ingested)
    shutil.copytree(copies[next(place for place in copies if place.startswith("change.drafted"))], left)
    shutil.rmtree(home)
    left.rename(home)


LONG_AFTER = ARRIVAL + timedelta(days=200)
SEEN_OFTEN = FeatureSet(
    name="tests", version=1, owner="tests", entities={"thing": "a thing"}, lookups=(), profile_views=(), features=(),
    signals=(Signal("blue", "seen", "it was blue", "colour = 'blue'"),),
    counter_views=(CounterView("thing", ("thing",), {"blue": ("3650d",)}, "what was seen of a thing"),),
)  # fmt: skip


def blue(home: Path) -> None:
    """A delivery of red and of blue things."""
    content = lines(500, 506).replace(b'"rd"', b'"blue"')
    ingest(lake_of(home), SEEN, delivered_from_jsonl(SEEN, content), ARRIVAL, "b3")


def long_after(home: Path) -> None:
    """Something new, long after the rest."""
    take_at = LONG_AFTER - timedelta(days=1)
    row = {"thing": "new", "colour": "red", "at": take_at.isoformat(), "known": take_at.isoformat()}
    ingest(lake_of(home), SEEN, delivered_from_jsonl(SEEN, json.dumps(row).encode()), LONG_AFTER, "new")


def retained(home: Path) -> None:
    """What is older than its limit removed, but for what was blue."""
    ages = Ages(remembered={"blue": Remembered("colour", ("blue",))})
    blue = (Outcome("blue", "colour = 'blue'", "it was blue"),)
    task = Task("tests", "seen", "seen", ("thing",), (), blue, "blue", "thing", "thing", ())
    system = System("tests", (SEEN,), SEEN_OFTEN, task, GateLimits(baselines=()), ages=ages)
    retain(Installation(system, Settings(home=home, replay_from=LONG_AFTER)))


DONE: dict[str, tuple[tuple[Step, ...], Step]] = {
    "ingest": ((taken_before,), ingested),
    "ingest again": ((taken_before, ingested), ingested),
    "ingest after a kill": ((taken_before, half_ingested), ingested),
    "earlier receipts": ((taken_before, ingested), earlier),
    "replay": ((taken_before, ingested), replayed),
    "discard": ((taken_before, ingested), discarded),
    "landing": ((landed,), emptied),
    "replace": ((labelled,), relabelled),
    "retain": ((taken_before, ingested, blue, labelled, long_after), retained),
}


def watched(home: Path, done: Step) -> tuple[set[str], dict[str, Path]]:
    """Do it; the failpoints that were reached, and for each time a copy of the home as it was then."""
    reached, copies = set(), {}

    def watch(name: str) -> None:
        place = home.with_name(f"{home.name}-{len(copies):02}-{name}")
        shutil.copytree(home, place)
        reached.add(name)
        copies[f"{name} ({len(copies)})"] = place

    failpoint.watching = watch
    try:
        done(home)
    finally:
        failpoint.watching = None
    return reached, copies


def state(home: Path) -> dict[str, Any]:
    """What a reader finds: rows of tables and quarantine, the landing's files, and whether the ledger balances."""
    lake = lake_of(home)
    state_now: dict[str, Any] = {"off": ledger.balance(lake, "seen")["off"]}
    columns = {"tables/seen": "thing", "quarantine/seen": "raw", "discarded/seen": "raw", "labels": "x"}
    for name, column in columns.items():
        rows = lake.read(name)
        state_now[name] = sorted(map(str, rows[column].to_pylist())) if rows.num_columns else []
    rows = lake.read("tables/seen")
    state_now["received"] = sorted(map(str, rows["known"].to_pylist())) if rows.num_columns else []
    for folder in ("seen", "done"):
        state_now[folder] = sorted(path.name for path in (settings_of(home).landing / folder).glob("**/*.jsonl"))
    state_now["drafts"] = sorted(path.name for path in home.rglob(".part-*.parquet"))
    return state_now


@pytest.fixture(scope="module")
def watched_work(tmp_path_factory) -> Callable[[str], tuple[Path, set[str], dict[str, Path]]]:
    """A function that does one entry of DONE, the first time it is called for it: its home, failpoints and copies."""

    @cache
    def work(what: str) -> tuple[Path, set[str], dict[str, Path]]:
        earlier_steps, done = DONE[what]
        home = tmp_path_factory.mktemp("killed") / "home"
        home.mkdir()
        for step in earlier_steps:
            step(home)
        return home, *watched(home, done)

    return work


@pytest.mark.parametrize("what", DONE)
def test_killed_between_any_two_steps_and_done_again_it_is_as_if_it_had_never_been_killed(what, watched_work):
    done = DONE[what][1]
    home, _, copies = watched_work(what)
    right = state(home)
    assert right["off"] == 0
    assert len(copies) > 1
    if what == "landing":  # what happens within a delivery is tried by itself
        copies = {place: copy for place, copy in copies.items() if place.startswith(("bundle", "landing"))}
    for place, copy in copies.items():
        assert set(state(copy)["labels"]) in ({"old"}, {"new"}, set()), place
        assert state(copy)["off"] == 0, place
        done(copy)
        assert state(copy) == right, place


def test_every_failpoint_there_is_is_reached(watched_work):
    reached = set().union(*(watched_work(what)[1] for what in DONE))
    assert reached == NAMES, "a new failpoint needs something in DONE that comes to it"


def test_the_environment_names_the_failpoint_at_which_a_process_ends(tmp_path):
    code = (
        "import pyarrow as pa; from datetime import date; from pathlib import Path; from infra.lake import Lake\n"
        f"Lake(Path({str(tmp_path)!r})).replace('x', date(2026, 5, 3), pa.table({{'x': [1]}}))"
    )
    for place, status in (("lake.drafted", 137), ("lake.drafted:2", 0)):
        env = os.environ | {"FLYWHEEL_FAILPOINT": place, "PYTHONPATH": str(ROOT)}
        assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == status
        assert bool(Lake(tmp_path).days("x")) == (status == 0)
