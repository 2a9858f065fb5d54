"""The review queue: never over its capacity, worked by expected loss, and its verdicts come back as rows."""

import re
import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from infra.clock import written
from infra.marks import marks
from serving.case_policy import Lot
from serving.deciding import Review, ReviewQueue
from serving.guard import Guard
from serving.tokens import Impression
from tests.serving.cases.conftest import CaseClient, Start, payment
from tests.serving.cases.payments import BY_LOT, NOW, POLICY, SERVED, TERMINALS, PaymentWorld, served

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(autouse=True)
def empty(payments: PaymentWorld) -> None:
    """A queue without cases, and a day without any that came in."""
    file = payments.settings.of(payments.system).serving / "reviews.sqlite"
    if file.exists():
        with sqlite3.connect(file) as connection:
            connection.execute("DELETE FROM reviews")
            connection.execute("DELETE FROM slots")
    with redis.Redis.from_url(payments.settings.redis_url) as client:
        for key in client.scan_iter("*!reviews:*"):
            client.delete(key)


def test_two_workers_never_review_more_than_a_day_has_room_for(start: Start, payments: PaymentWorld) -> None:
    workers = start(), start()
    actions = Counter[str]()
    for worker, client in enumerate(workers):
        bodies = [{"json": payment(f"full {worker} {i}", amount=300.0)} for i in range(8)]
        actions += Counter(answer.json()["action"] for answer in client.crowd(bodies, "POST", "/v1/decide"))
    assert actions == {"review": 5, "step_up": 11}, "eight a day, three of which are kept for the lot"
    listed = workers[0].send("GET", "/v1/queue", "review").json()
    assert (listed["open"], listed["today"], listed["a_day"]) == (5, 5, 8)
    assert workers[0].decide("one more", amount=300.0)["reasons"][-1] == "queue_full"


def test_also_without_redis_and_after_a_restart(start: Start) -> None:
    one = start()
    one.online.link._open("taken away")
    assert [one.decide(f"dark {i}", amount=300.0)["action"] for i in range(6)] == ["review"] * 5 + ["step_up"]
    one.stop()
    other = start()
    other.online.link._open("taken away")
    assert other.decide("dark 7", amount=300.0)["action"] == "step_up"


def test_other_machines_count_through_redis(start: Start, payments: PaymentWorld) -> None:
    """Another machine has a file of its own."""
    one = start()
    assert [one.decide(f"here {i}", amount=300.0)["action"] for i in range(5)] == ["review"] * 5
    folder = payments.settings.of(payments.system).serving
    one.online.queue.close()
    for file in folder.glob("reviews.sqlite*"):
        file.unlink()
    assert one.decide("there", amount=300.0)["action"] == "step_up"
    assert one.send("GET", "/v1/queue").json()["open"] == 0, "and nobody there is shown it"


def test_a_queue_that_cannot_be_written_reviews_nothing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client = start()
    monkeypatch.setattr(client.online.queue, "_path", Path("/proc/nowhere/reviews.sqlite"))
    client.online.queue.close()
    assert client.decide("no disk", amount=300.0)["action"] == "step_up"
    assert client.send("GET", "/v1/queue").status_code == 503


def test_by_lot_some_allowed_cases_are_reviewed_and_the_chance_is_logged(start: Start, payments: PaymentWorld) -> None:
    client = start(served(BY_LOT))
    payments.release("9", BY_LOT)
    payments.promote("9")
    client.follow()
    answers = {f"lot {i}": client.decide(f"lot {i}", amount=float(i)) for i in range(30)}
    answers |= {f"dear {i}": client.decide(f"dear {i}", amount=60.0) for i in range(10)}
    client.stop()
    rows = {row["payment_id"]: row for row in payments.rows() if row["payment_id"] in answers}
    drawn = [key for key, row in rows.items() if row["by_lot"]]
    assert 0 < len(drawn) <= 3, "so many places are kept for the lot"
    for key, row in rows.items():
        assert (row["action"], answers[key]["by_lot"]) == (("review", True) if key in drawn else ("allow", False))
        if key.startswith("dear"):
            assert (row["propensity"], row["by_lot"]) == (1.0, False), "capped by amount"
        elif row["by_lot"]:
            assert row["propensity"] == 0.5
        else:
            assert row["propensity"] in {0.5, None}, "None: drawn, and there was no place left"
    again = start(served(BY_LOT))
    assert again.decide(drawn[0], amount=float(drawn[0].split()[1]))["by_lot"], "the same key is drawn again"


def test_another_seed_draws_others(start: Start) -> None:
    drawn = []
    for seed in ("a", "b"):
        lot = msgspec.structs.replace(POLICY, lot=Lot(share=0.5, seed=seed), remember_s=0.0)
        client = start(served(lot))
        client.online.releases.live = None
        drawn.append([client.decide(f"seed {seed} {i}")["by_lot"] for i in range(6)])
    assert drawn[0] != drawn[1]


def test_reviews_come_by_expected_loss_and_a_verdict_becomes_a_row(start: Start, payments: PaymentWorld) -> None:
    client = start()
    for key, amount in (("small", 210.0), ("large", 900.0), ("huge", 9_000.0)):
        assert client.decide(key, amount=amount)["action"] == "review"
    listed = client.send("GET", "/v1/queue", "review").json()
    assert [review["payment_id"] for review in listed["reviews"]] == ["huge", "large", "small"]
    huge, large, _ = listed["reviews"]
    assert (large["expected_loss"], large["score"]) == (900.0 * 900.0, 900.0)
    assert huge["reasons"][0] == "very_large"
    assert large["given"]["card_id"] == "c1"
    assert listed["oldest_s"] >= 0.0
    verdict = {"payment_id": "large", "verdict": "fraud"}
    assert client.send("POST", "/v1/queue", "review", json=verdict).status_code == 202
    assert client.send("POST", "/v1/queue", "review", json=verdict).status_code == 404, "it waits no more"
    assert client.send("GET", "/v1/queue").json()["open"] == 2
    client.stop()
    (row,) = [row for row in payments.rows("reviews") if row["payment_id"] == "large"]
    assert (row["verdict"], row["by_lot"]) == ("fraud", False)
    assert row["review_id"]
    assert written(NOW.timestamp()) <= row["event_time"] <= row["received_at"]


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("decide", 403), ("observe", 403), ("review", 200)])
def test_the_queue_needs_its_role(client: CaseClient, role: Any, status: int) -> None:
    for path in ("/v1/queue", "/queue"):
        assert client.send("GET", path, role).status_code == status


def page(client: CaseClient, cookie: str = "") -> str:
    return client.send("GET", "/queue", None if cookie else "review", headers={"cookie": cookie} if cookie else {}).text


def test_people_work_the_queue_on_a_page_without_a_script(client: CaseClient, payments: PaymentWorld) -> None:
    client.decide("<b>page</b>", amount=300.0, card_id="<script>alert(1)</script>")
    token = client.send("GET", "/queue", "review").request.headers["authorization"].removeprefix("Bearer ")
    login = client.send("POST", "/queue/login", None, data={"token": token})
    assert login.status_code == 303
    assert {"HttpOnly", "SameSite=Strict"} <= set(login.headers["set-cookie"].split("; "))
    cookie = login.headers["set-cookie"].partition(";")[0]
    shown = page(client, cookie)
    assert "<script" not in shown.lower()
    assert "&lt;b&gt;page&lt;/b&gt;" in shown
    assert "width=device-width" in shown
    proof = re.search(r"name='proof' value='(\w+)'", shown)
    assert proof
    form = {"proof": proof[1], "case": "<b>page</b>", "verdict": "genuine"}
    done = client.send("POST", "/queue", None, data=form, headers={"cookie": cookie})
    assert (done.status_code, done.headers["location"]) == (303, "/queue")
    assert "Nothing waits" in page(client, cookie)


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({"proof": "0" * 64}, {}, 403),
        ({}, {"origin": "https://evil.example"}, 403),
        ({}, {"sec-fetch-site": "cross-site"}, 403),
        ({"verdict": "maybe"}, {}, 422),
        ({"case": "nobody"}, {}, 404),
    ],
    ids=["another page's form", "another origin", "another site", "no such verdict", "no such case"],
)
def test_a_form_that_is_not_the_pages_own_changes_nothing(
    client: CaseClient, change: dict[str, str], headers: dict[str, str], status: int
) -> None:
    key = f"guarded {change} {headers}"
    client.decide(key, amount=300.0)
    proof = re.search(r"name='proof' value='(\w+)'", page(client)) or [""] * 2
    form = {"proof": proof[1], "case": key, "verdict": "fraud", **change}
    assert client.send("POST", "/queue", "review", data=form, headers=headers).status_code == status
    assert "guarded" in page(client)


@pytest.mark.parametrize("body", [b"", b"\xff", b"&" * 50, b"a=1&" * 30, b"x" * 20_000])
def test_odd_forms_are_the_callers_own_fault(client: CaseClient, body: bytes) -> None:
    for path in ("/queue", "/queue/login"):
        assert client.send("POST", path, "review", content=body, headers=FORM).status_code in {400, 401, 403, 413, 422}
    assert client.send("PUT", "/queue", "review").status_code == 405
    assert client.send("POST", "/queue", "review", json={}).status_code == 415


def test_who_is_erased_waits_no_more(tmp_path: Path) -> None:
    queue = ReviewQueue(tmp_path / "reviews.sqlite")
    at = NOW.timestamp()
    for key, person in (("p1", "c1"), ("p2", "c2")):
        assert queue.take(Review(key, at, 1.0, 0.5, False, ("amount",), {"card_id": person}, None, person), "today", 9)
    assert queue.forget(["c1"], dry_run=True) == queue.forget(["c1"]) == 1
    assert [review.key for review in queue.waiting(9)] == ["p2"]
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"c2" in left
    assert b"c1" not in left, "nor in what the file no longer uses"


def test_a_row_about_a_case_needs_its_token_or_a_role(client: CaseClient) -> None:
    token, at = client.decide("told")["token"], (NOW + timedelta(minutes=1)).isoformat()
    row = {"table": "disputes", "dispute_id": "d1", "payment_id": "told", "reason": "fraud", "event_time": at}

    def send(*rows: dict[str, Any], role: Any = "events") -> int:
        return client.send("POST", "/v1/events", role, json={"events": list(rows)}).status_code

    assert send({**row, "token": token}) == 202
    assert send(row) == 403
    assert send(row, role="ingest") == 202
    assert send({**row, "token": token, "payment_id": "another"}) == 422
    assert send({**row, "token": token[:-2] + "xx"}) == 422
    assert send({**row, "table": "payments"}) == 422
    assert send({**row, "token": token, "event_time": (NOW - timedelta(days=4000)).isoformat()}) == 422
    assert SERVED.events[0].name == "disputes"


def test_of_two_verdicts_at_once_one_is_taken(start: Start, payments: PaymentWorld, monkeypatch: Any) -> None:
    client = start()
    client.decide("twice", amount=300.0)
    bodies = [{"json": {"payment_id": "twice", "verdict": word}} for word in ("fraud", "genuine")]
    answers = client.crowd(bodies, "POST", "/v1/queue", "review")
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    client.decide("disk", amount=300.0)
    with monkeypatch.context() as full:
        full.setattr(client.online.events["reviews"], "land", _no_space)
        body = {"payment_id": "disk", "verdict": "fraud"}
        assert client.send("POST", "/v1/queue", "review", json=body).status_code == 503
    assert client.send("POST", "/v1/queue", "review", json=body).status_code == 202, "a verdict that failed is open"
    client.stop()
    taken = next(body["json"]["verdict"] for body, answer in zip(bodies, answers, strict=True) if answer.is_success)
    assert [row["verdict"] for row in payments.rows("reviews") if row["payment_id"] == "twice"] == [taken]


async def _no_space(_: Any) -> None:
    raise OSError("no space left")


def test_who_asked_about_a_case_does_not_judge_it(client: CaseClient) -> None:
    token, at = client.decide("own judge")["token"], (NOW + timedelta(minutes=1)).isoformat()
    row = {"table": "reviews", "review_id": "r9", "payment_id": "own judge", "verdict": "genuine", "by_lot": True}
    events = {"events": [{**row, "event_time": at, "token": token}]}
    answer = client.send("POST", "/v1/events", "events", json=events)
    assert answer.status_code == 403
    assert "role `review`" in answer.json()["error"]


def test_a_token_of_another_system_proves_nothing(client: CaseClient) -> None:
    """All systems of an installation share a keyring, and a feed's caller chooses the user and the items."""
    at = NOW.timestamp()
    shown = Impression("0" * 32, "foreign", marks(["foreign"]), None, int(at), int(at) + 9_999)
    row = {"table": "disputes", "dispute_id": "d7", "payment_id": "foreign", "reason": "fraud"}
    for system in (None, "eta"):
        token = Guard(client.world.settings, system).keys.sign(shown)
        events = {"events": [{**row, "event_time": (NOW + timedelta(minutes=1)).isoformat(), "token": token}]}
        assert client.send("POST", "/v1/events", "events", json=events).status_code == 422


@pytest.mark.parametrize("opened", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1960-01-01T00:00:00Z"])
def test_a_moment_far_away_is_the_senders_fault(start: Start, opened: str) -> None:
    client = start(replace(SERVED, events=(*SERVED.events, TERMINALS)))
    row = {"table": "terminals", "terminal_id": "t", "sector": "games", "opened_at": opened}
    events = {"events": [{**row, "event_time": (NOW + timedelta(minutes=1)).isoformat()}]}
    answer = client.send("POST", "/v1/events", "ingest", json=events)
    assert (answer.status_code, "opened_at" in answer.text) == (422, True), answer.text
