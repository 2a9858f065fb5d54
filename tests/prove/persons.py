"""After a day's work in a home with pseudonyms no file and no record names a person; all else is as without them."""

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import redis as redis_client

from infra import redis_server
from infra.pseudonyms import Pseudonyms, choose_mode, pseudonyms
from infra.settings import Settings, socket_url
from orchestration.ingestion import ingest_days
from orchestration.runs import execute
from orchestration.sources.simulator import Scale, World, deliver
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.person_search import files_with
from tests.prove.section import Proof, Section
from tests.serving.caller import Client
from validation.batches import balance

SCALE = Scale(users=120, videos=400, days=3, impressions=6_000, creators=30, categories=6, regions=2)
ASKERS = 20
JOBS = ("ingest", "features", "train", "monitor")


@dataclass
class Served:
    """What a caller needs to know of an installation."""

    settings: Settings


def measure(folder: Path) -> Proof:
    """Days of work in a home with pseudonyms; and the same deliveries taken into one without."""
    began = time.monotonic()
    hashed, plain = _lived(folder / "on", None, JOBS), _lived(folder / "off", False, ("ingest",))
    ids = pseudonyms(hashed.settings)
    assert ids is not None
    persons = _persons(plain)
    named, named_in_plain = _naming(hashed, persons), _naming(plain, persons)
    unequal = [table.name for table in HOME_FEED.tables if not _equal(hashed, plain, table.name, ids)]
    lines = [
        f"- Three days of {len(persons)} simulated persons: delivered, taken in, published, trained on, watched; "
        f"{ASKERS} of them asked for a feed and sent events, which were taken in, too.",
        f"- Files and online records that name one of them: {len(named)} with pseudonyms, {len(named_in_plain):,} "
        "without. Every file is read byte by byte, Parquet and packed files also by what they hold.",
        *(f"  - {place}" for place in named[:20]),
        f"- Tables in which the delivered rows are the same but for the ids: {len(HOME_FEED.tables) - len(unequal)} of "
        f"{len(HOME_FEED.tables)}; the ledgers balance.",
        *(f"  - {name} differs" for name in unequal),
        f"- {time.monotonic() - began:,.0f} s.",
    ]
    return Proof("\n".join(lines), not named and bool(named_in_plain) and not unequal)


def _lived(home: Path, mode: bool | None, jobs: tuple[str, ...]) -> Installation:
    """An installation after its days; where it has features, with a feed for some askers, and their events."""
    settings = Settings(
        home=home, redis_url=socket_url(home), replay_from=SCALE.end, pseudonyms=mode, item_capacity=4096
    )
    choose_mode(settings)
    at, last = Installation(HOME_FEED, settings), (SCALE.end - timedelta(days=1)).date()
    history = World.make(SCALE).history()
    deliver(history, SCALE, settings.landing)
    messages: list[str] = []
    with redis_server.running(settings.redis_url, home / "redis"):
        for job in jobs:
            execute(at, job, SCALE.start.date() if job in {"ingest", "features"} else last, last, messages.append)
        users = pc.unique(history.users["user_id"]).to_pylist()[:ASKERS] if "features" in jobs else []
        with Client(Served(settings)) as client:
            for user in users:
                page = client.feed(user_id=user, preview=False, limit=5)
                event = {"token": page["token"], "video_id": page["items"][0]["video_id"], "action": "like"}
                event |= {"event_time": (SCALE.end + timedelta(seconds=1)).isoformat(), "user_id": user}
                client.send("POST", "/v1/events", "events", json={"events": [event]})
            client.online.decisions.stop()
        today = at.now().date()
        for table in HOME_FEED.tables:
            ingest_days(at, table, last, today)
        with redis_client.Redis.from_url(settings.redis_url) as redis:
            records = b"\n".join(key + b" " + (redis.dump(key) or b"") for key in redis.scan_iter("*", count=1000))
        (home / "online-records").write_bytes(records)
    return at


def _persons(plain: Installation) -> list[str]:
    return sorted(set(plain.lake.read("tables/users")["user_id"].to_pylist()))


def _naming(at: Installation, persons: list[str]) -> list[str]:
    return files_with(at.settings.home, *persons)


def _equal(hashed: Installation, plain: Installation, table: str, ids: Pseudonyms) -> bool:
    """Whether a table has the same delivered rows in both homes, with pseudonyms in one; and both ledgers balance."""
    delivered = ds.field(plain.tables[table].received_time) < pa.scalar(SCALE.end, pa.timestamp("us", "UTC"))
    ours, theirs = (at.lake.read(f"tables/{table}", where=delivered).to_pylist() for at in (hashed, plain))
    person = plain.tables[table].person
    expected = [row | {person: ids(row[person])} if person else row for row in theirs]
    off = sum(balance(at.lake, table)["off"] for at in (hashed, plain))
    return off == 0 and sorted(map(repr, ours)) == sorted(map(repr, expected))


PERSONS = Section("persons", "Nothing that is kept names a person", measure)
