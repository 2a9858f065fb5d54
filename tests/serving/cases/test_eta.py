"""The ETA's service: without a model the base answers, and the last number shown for a trip is held."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from infra import redis_server
from infra.errors import DefinitionError
from infra.settings import Settings
from serving.asker import CaseState
from serving.case_policy import Hold, ServedCases
from serving.deciding import Case
from serving.deciding.decision import Scored
from serving.deciding.saying import Last, most_of, said
from serving.systems.eta import POLICY, SERVED
from tests.conftest import free_port
from tests.serving.cases.conftest import CaseClient
from tests.serving.cases.payments import NOW

CALM = msgspec.structs.replace(
    POLICY, limits=msgspec.structs.replace(POLICY.limits, request_ms=60_000, unscored_ms=30_000, refuse_ms=50_000),
    state_ms=5_000.0,
)  # fmt: skip
NONE = Hold(by="trip_id", within=1.0)
WAY = {"driver_id": "d1", "fleet": "f", "from_zone": "a", "to_zone": "b", "area": "city", "distance_km": 6.0}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaseClient]:
    """A service of the ETA before there is any release."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, redis_url=f"redis://127.0.0.1:{free_port()}/0", replay_from=NOW, system="eta")
    with redis_server.running(settings.redis_url, home / "redis", allow=("flushall",)):
        world: Any = SimpleNamespace(settings=settings, system="eta")
        started = CaseClient(world, ServedCases(CALM, SERVED.features, SERVED.decisions, SERVED.events))
        yield started
        started.stop()


def shown(client: CaseClient, update: str, trip: str, base: float) -> Any:
    given = {"update_id": update, "trip_id": trip, **WAY, "route_minutes": base, "elapsed_minutes": 0.0}
    answer = client.send("POST", "/v1/decide", json=given)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_without_a_model_the_base_answers_and_promises_nothing(client: CaseClient) -> None:
    answer = shown(client, "u1", "alone", 17.5)
    assert (answer["minutes"], answer["promise"], answer["served_by"]) == (17.5, None, "default")


def test_an_update_of_a_trip_keeps_to_the_last_number_unless_it_is_news(client: CaseClient) -> None:
    assert shown(client, "t1", "trip", 20.0)["minutes"] == 20.0
    assert shown(client, "t2", "trip", 20.75)["minutes"] == pytest.approx(20.0, abs=0.2), (
        "less than a minute is no news"
    )
    assert shown(client, "t3", "trip", 26.0)["minutes"] == 26.0, "six minutes are"
    assert shown(client, "t4", "another trip", 20.75)["minutes"] == 20.75, "trips do not share a number"


@pytest.mark.parametrize(
    ("new", "waited_s", "says"),
    [
        (18.2, 120.0, 18.0),
        (20.0, 120.0, 20.0),
        (16.9, 120.0, 16.9),
        (0.5, 1_300.0, 0.5),
    ],
    ids=["two minutes are gone by themselves", "stuck in traffic", "faster than thought", "overdue: never below zero"],
)
def test_a_number_runs_down_while_it_is_held(new: float, waited_s: float, says: float) -> None:
    last = Last("eta", Hold(by="trip_id", within=1.0, each_s=60.0))
    assert last.held(new, 1_000_000.0 + waited_s, struct.pack("<dd", 20.0, 1_000_000.0)) == pytest.approx(says)


@pytest.mark.parametrize(
    ("score", "before", "says", "promises"),
    [
        (5_000.0, None, 2_880.0, 2_880.0),
        (2_000.0, None, 2_000.0, 2_880.0),
        (-7.0, None, 5.0, 7.0),
        (5.5, struct.pack("<dd", 4.8, 1_000_000.0), 5.0, 7.0),
    ],
    ids=["longer than any trip", "a promise beyond it", "below the least", "held, and run down below the least"],
)
def test_what_is_said_is_within_what_the_log_may_hold(
    score: float, before: bytes | None, says: float, promises: float
) -> None:
    policy = msgspec.structs.replace(POLICY, least=5.0)
    case, state = Case("u", {"route_minutes": 9.0}, b""), CaseState(1_000_000.0)
    scored = Scored(score, None, None, "full", None, score + 1_500 if score > 1_000 else 7.0)
    decision = said(policy, case, state, scored, "r", Last("eta", policy.hold or NONE), before, most_of(SERVED))
    assert (decision.value, decision.promise) == (says, promises)


def test_nothing_held_is_nothing_changed() -> None:
    last = Last("eta", Hold(by="trip_id", within=1.0, each_s=60.0))
    assert last.held(7.0, 5.0, None) == 7.0
    with pytest.raises(DefinitionError, match="write a number above 0"):
        msgspec.structs.replace(POLICY, hold=Hold(by="trip_id", within=0.0))


def test_a_policy_that_reads_what_no_request_gives_is_refused() -> None:
    with pytest.raises(DefinitionError, match="route_minutes"):
        replace(SERVED, policy=msgspec.structs.replace(POLICY, base="route_minute"))
