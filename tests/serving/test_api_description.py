"""Requests made from the API's own description, right ones and wrong ones: the real service has an answer to each."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from prometheus_client.parser import text_string_to_metric_families
from schemathesis.checks import CHECKS

from serving.access.keyring import bearer
from serving.access.roles import Role
from serving.launch import Running, start, stop

ROLES: dict[str, Role] = {"/v1/feed": "operate", "/v1/rank": "rank", "/v1/events": "ingest"}
HELD = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "negative_data_rejection", "unsupported_method",
)  # fmt: skip
EXAMPLES = 80


@pytest.fixture(scope="module")
def running(lasting_world: Any) -> Iterator[Running]:
    lasting_world.release("1")
    lasting_world.promote("1")
    started = start(lasting_world.settings)
    yield started
    stop(started)


@pytest.mark.parametrize("path", [*ROLES, "/healthz", "/readyz", "/metrics"])
def test_no_request_that_the_description_leads_to_is_met_with_an_error(
    running: Running, lasting_world: Any, path: str
) -> None:
    description = schemathesis.openapi.from_url(f"{running.address}/openapi.json")
    (operation,) = [result.ok() for result in description.get_all_operations() if result.ok().path == path]
    headers = bearer(lasting_world.settings, ROLES[path]) if path in ROLES else {}
    checks, met = [CHECKS.get_one(name) for name in HELD], Counter[int]()
    right, wrong = (operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)

    @seed(7)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck),
              phases=[Phase.generate])  # fmt: skip
    @given(case=right | wrong)
    def holds(case: Any) -> None:
        happened_now(case.body, lasting_world.settings.replay_from.isoformat())
        answer = case.call(headers=headers)
        met[answer.status_code] += 1
        case.validate_response(answer, checks=checks)

    holds()
    assert not {status for status in met if status >= 500}
    # Whether an event that was drawn is a whole one, with a token that is none, is left to chance.
    assert path == "/v1/events" or any(status < 300 for status in met), "not everything was refused at the door"
    assert "Traceback" not in running.log.read_text()


def test_a_whole_event_gets_past_the_same_door(running: Running, lasting_world: Any) -> None:
    description = schemathesis.openapi.from_url(f"{running.address}/openapi.json")
    (operation,) = [result.ok() for result in description.get_all_operations() if result.ok().path == "/v1/events"]
    event = {"event_id": "e1", "user_id": "u1", "video_id": "v3", "action": "like", "event_time": ""}
    case = operation.Case(body={"events": [event]}, media_type="application/json")
    happened_now(case.body, lasting_world.settings.replay_from.isoformat())
    answer = case.call(headers=bearer(lasting_world.settings, ROLES["/v1/events"]))
    assert answer.status_code == 202, answer.text


def test_whatever_callers_send_the_number_of_series_stays_bounded(running: Running) -> None:
    """It comes last: hundreds of right and wrong requests were sent before it."""
    for number in range(50):  # a path, a method and words of their own each time
        httpx.request(f"M{number}", f"{running.address}/v1/{number}", headers={"authorization": f"Bearer {number}"})
        httpx.post(f"{running.address}/v1/feed", json={f"field{number}": number})
    values: dict[str, set[str]] = {}
    series = 0
    for family in text_string_to_metric_families(httpx.get(f"{running.address}/metrics").text):
        for sample in family.samples:
            series += 1
            for label, value in sample.labels.items():
                values.setdefault(label, set()).add(value)
    assert values["route"] <= {"feed", "rank", "events"}
    assert len(values["status"]) <= 12
    assert all(len(there) <= 20 for label, there in values.items() if label != "le"), values
    assert series < 600


def happened_now(body: Any, now: str) -> None:
    """Give events a time that is believed, so that the rest of them is looked at, too."""
    events = body.get("events") if isinstance(body, dict) else None
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict) and isinstance(event.get("event_time"), str):
            event["event_time"] = now
