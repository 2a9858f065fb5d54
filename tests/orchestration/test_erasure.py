"""After an erasure a person is in no file and no store, for good; everybody else is where they were."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import msgspec
import pytest
from peopled import (
    CANARY,
    DAY,
    NOON,
    OTHER,
    WORDS,
    event,
    fill,
    ingest,
    installation,
    land,
    lines,
    online,
    user,
)
from typer.testing import CliRunner

from infra import failpoint
from infra.errors import DefinitionError
from infra.pseudonyms import choose_mode, stored_id
from infra.settings import Settings, socket_url
from infra.tombstones import read_tombstones
from orchestration import erasure
from orchestration.commands import people
from orchestration.commands.cli import app
from orchestration.erasure import walk
from orchestration.erasure.erasers import ERASERS
from orchestration.erasure.walk import requests_of
from orchestration.pipeline import pipeline
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.erasure_steps import OF_ERASURE
from tests.person_search import places_with
from training.rows import load_dataset, save_dataset, save_labels
from validation.batches import balance
from validation.systems.home_feed import ENGAGEMENTS, USERS

OTHERS = (OTHER, "canary7f3b-event", "canary7f3b-page")


@pytest.fixture(scope="module")
def filled(tmp_path_factory, redis_address):
    """A home with something of both people in every store."""
    home = tmp_path_factory.mktemp("peopled") / "home"
    fill(installation(home, redis_address))
    return home


@pytest.fixture
def at(filled, tmp_path, redis_url) -> Installation:
    """A copy of it."""
    shutil.copytree(filled, tmp_path / "home")
    at = installation(tmp_path / "home", redis_url)
    online(at)
    return at


def left(at: Installation, words=WORDS) -> list[str]:
    return places_with(at.settings.home, words, at.settings.redis_url)


def erase(at: Installation, *people: str) -> dict:
    erasure.ask(at, people or [CANARY], "desk", "request 1093")
    return erasure.erase(at)


def stores(places: list[str]) -> Counter:
    """How many places there are in each store; files that are written anew have other names."""
    named = (place for place in places if "!changes" not in place)
    return Counter(place.replace(".open", "").rpartition("/")[0] or place for place in named)


def test_a_person_is_nowhere_after_an_erasure_and_another_one_is_where_they_were(at):
    assert len(stores(left(at))) > 30
    others = stores(left(at, OTHERS)).keys()
    line = erase(at)
    assert left(at) == []
    assert {store.replace("day=", "") for store in others} == {s.replace("day=", "") for s in stores(left(at, OTHERS))}
    assert line["removed"]["tables/engagements"] == line["removed"]["tables/impressions"] == 30
    assert load_dataset(at.lake, at.system.name).frame["user_id"].tolist() == [OTHER]
    assert not any(balance(at.lake, table.name)["off"] for table in at.system.tables)


@pytest.mark.parametrize("eraser", ERASERS, ids=lambda eraser: eraser.__name__)
def test_the_search_sees_what_any_one_eraser_left(at, eraser, monkeypatch):
    monkeypatch.setattr(walk, "ERASERS", [each for each in ERASERS if each is not eraser])
    erase(at)
    assert left(at)


def test_the_audit_says_who_asked_when_and_what_went_and_never_who_was_erased(at):
    line = erase(at)
    [written] = requests_of(at).audit()
    assert written == msgspec.to_builtins(line)
    [request] = written["people"]
    assert (request["who"], request["why"]) == ("desk", "request 1093")
    assert request["person"] == read_tombstones(requests_of(at).folder).digest(CANARY)
    assert erase(at)["removed"] == {}, "a second erasure finds nothing"


def test_a_dry_run_counts_and_changes_nothing(at):
    before = left(at)
    counted = erasure.would_go(at, [CANARY])
    assert left(at) == before
    removed = erase(at)["removed"]
    removed["landing"] -= 1  # of a file that the service had open
    assert counted == removed


def test_every_failpoint_of_an_erasure_is_reached(at, monkeypatch):
    root, reached = Path(__file__).parents[2], set[str]()
    files = [path for part in OF_ERASURE for path in root.glob(f"{part}*")]
    files = [file for path in files for file in ([path] if path.is_file() else path.rglob("*.py"))]
    names = {name for file in files for name in re.findall(r'\breached\("([^"]+)"\)', file.read_text())}
    monkeypatch.setattr(failpoint, "watching", reached.add)
    erase(at)
    assert len(names) > 5
    assert names - reached == set()


def test_what_a_training_stores_that_began_before_the_erasure_goes_too(at):
    labels, rows = at.lake.read("labels").to_pandas(), load_dataset(at.lake, at.system.name)
    erase(at)
    assert erasure.erase_again(at) == 0
    save_labels(at.lake, "labels", labels, [DAY])
    save_dataset(at.lake, at.system.name, rows)
    assert left(at)
    assert erasure.erase_again(at) == 2, "a label, and a row of the set"
    assert left(at) == []
    assert load_dataset(at.lake, at.system.name).frame["user_id"].tolist() == [OTHER]


STEPS = (  # one of each kind; `python -m tests.prove erasure` ends it at every one
    "erasure.asked", "erasure.buried", "change.intended", "change.committed", "lake.drafted", "masked",
    "erasure.audited",
)  # fmt: skip


class PowerCut(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_was_cut_off_anywhere_is_finished_by_the_next_one(at, step, monkeypatch):
    name, _, times = step.partition(":")
    reached = [name] * int(times or 1)

    def cut(place: str) -> None:
        if place == name:
            reached.pop()
        if not reached:
            raise PowerCut

    monkeypatch.setattr(failpoint, "watching", cut)
    with pytest.raises(PowerCut):
        erase(at)
    monkeypatch.setattr(failpoint, "watching", None)
    erasure.erase(at)
    assert left(at) == []
    assert not erasure.under_way(at)
    assert not any(balance(at.lake, table.name)["off"] for table in at.system.tables)


def test_who_is_asked_for_beside_an_unfinished_erasure_is_erased_too(at, monkeypatch):
    monkeypatch.setattr(walk, "ERASERS", [lambda *_: 1 / 0])
    with pytest.raises(ZeroDivisionError):
        erase(at)
    monkeypatch.setattr(walk, "ERASERS", ERASERS)
    erase(at, OTHER)
    assert left(at) == left(at, OTHERS) == []
    assert len(list(requests_of(at).audit())) == 2


def test_events_of_an_erased_person_are_not_taken_again_and_are_counted(at):
    erase(at)
    events = [event(person, number) for person in (CANARY, OTHER) for number in range(100, 110)]
    unread = b'{"user_id": "' + CANARY.encode() + b'", "vi'
    land(at, ENGAGEMENTS, f"{DAY}-later.jsonl", lines([*events, unread]))
    [line] = [x for x in ingest(at, ENGAGEMENTS).lines if x.erased]
    assert (line.received, line.accepted, line.duplicate, line.quarantined, line.erased) == (21, 10, 0, 0, 11)
    assert left(at, [CANARY]) == []
    assert balance(at.lake, "engagements")["off"] == 0


def test_a_whole_delivery_again_brings_nobody_back(at, filled):
    erase(at)
    ingest(at, ENGAGEMENTS)  # what still waited of others
    shutil.copytree(Settings(home=filled).landing / "done", at.settings.landing, dirs_exist_ok=True)
    for table in at.system.tables:
        assert not any(line.accepted for line in ingest(at, table).lines)
        assert balance(at.lake, table.name)["off"] == 0
    assert left(at) == []


def test_an_older_copy_of_the_lake_brings_them_back_only_until_the_next_erasure(at, filled):
    erase(at)
    shutil.rmtree(at.settings.lake)
    shutil.copytree(Settings(home=filled).lake, at.settings.lake)
    assert left(at)
    line = erasure.erase(at)
    assert [request["why"] for request in line["people"]] == ["came back with an older copy of the data"]
    assert left(at) == []


def test_who_is_described_as_deleted_last_is_erased_without_being_asked_for(at):
    back = {"status": "active", "event_time": NOON.isoformat(), "received_at": NOON.isoformat()}
    half_past = NOON - timedelta(minutes=30)
    gone = [
        user(person, status="deleted", event_time=half_past.isoformat(), received_at=half_past.isoformat())
        for person in (CANARY, OTHER)
    ]
    land(at, USERS, f"{DAY}-gone.jsonl", lines([*gone, user(OTHER, **back)]))
    ingest(at, USERS)
    [request] = erasure.due(at)
    assert (request.person, request.why) == (CANARY, "described as gone")
    erasure.erase(at)
    assert left(at) == []
    assert left(at, OTHERS)


def test_the_sensor_asks_for_one_run_and_looks_again_only_when_something_changed(at):
    with dg.DagsterInstance.ephemeral() as instance:
        definitions = pipeline(at)
        sensor = definitions.resolve_sensor_def("erasure_sensor")

        def look(cursor: str | None) -> dg.SensorResult:
            return sensor(dg.build_sensor_context(instance, cursor=cursor, definitions=definitions))

        idle = look(None)
        assert not idle.run_requests
        assert "no table changed" in str(look(idle.cursor).skip_reason)
        erasure.ask(at, [CANARY], "desk", "")
        assert len(look(idle.cursor).run_requests or ()) == 1
        ran = definitions.resolve_job_def("erase").execute_in_process(instance=instance)
        [record] = ran.asset_materializations_for_node("erasures")
        assert record.metadata["people"].value == 1
        assert CANARY not in str(record.metadata)
        assert not look(None).run_requests


def test_in_a_home_with_pseudonyms_a_person_goes_by_the_id_that_callers_know(tmp_path, redis_url):
    settings = Settings(home=tmp_path / "home", redis_url=redis_url, replay_from=NOON, pseudonyms=True, hand_over_s=0.1)
    choose_mode(settings)
    at, (kept, other) = Installation(HOME_FEED, settings), (stored_id(settings, p) for p in (CANARY, OTHER))
    land(at, USERS, f"{DAY}.jsonl", lines([user(CANARY), user(OTHER)]))
    ingest(at, USERS)
    land(at, ENGAGEMENTS, f"{DAY}-waits.jsonl", lines([event(CANARY, 1), event(OTHER, 2)]))
    assert left(at, (kept,))
    assert left(at, (CANARY,)), "what waits at the door has ids as callers know them"
    erase(at, CANARY)
    assert left(at, (CANARY, kept)) == []
    assert left(at, (OTHER,)), "the waiting row of another one stays"
    land(at, ENGAGEMENTS, f"{DAY}-late.jsonl", lines([event(CANARY, 3)]))
    ingest(at, ENGAGEMENTS)
    assert at.lake.read("tables/engagements")["user_id"].to_pylist() == [other]
    assert left(at, (CANARY, kept)) == []


def test_a_home_without_a_running_redis_is_erased_too(at, tmp_path):
    elsewhere = installation(at.settings.home, socket_url(at.settings.home))
    erase(elsewhere)
    assert places_with(at.settings.home, WORDS) == []


def test_nobody_can_be_erased_where_no_table_says_who_a_person_is(at):
    nameless = replace(
        at, system=replace(at.system, tables=tuple(replace(t, person=None, gone=None) for t in at.system.tables))
    )
    with pytest.raises(DefinitionError, match=r"no table says who a person is.*Table.person"):
        erasure.ask(nameless, [CANARY], "desk", "")


def test_the_command_erases_only_whom_it_was_given_and_says_which_releases_to_replace(at, monkeypatch):
    monkeypatch.setenv("FLYWHEEL_HOME", str(at.settings.home))
    monkeypatch.setenv("FLYWHEEL_REDIS_URL", at.settings.redis_url)
    monkeypatch.setenv("FLYWHEEL_REPLAY_FROM", NOON.isoformat())
    monkeypatch.setattr(people, "_report", lambda *_: None)  # Dagster's records are another test's
    counted = CliRunner().invoke(app, ["erase", CANARY, "--dry-run"])
    assert "tables/engagements" in counted.output
    assert CANARY not in counted.output
    erased = CliRunner().invoke(app, ["erase", CANARY, "--why", "request 1093"])
    assert erased.exit_code == 0, erased.output
    assert left(at) == []
    assert left(at, OTHERS)
    assert "nobody is to be erased" in CliRunner().invoke(app, ["erase"]).output
