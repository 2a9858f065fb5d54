"""`POST /v1/decide`: what a case gets, what is logged of it, and what it gets while parts fail."""

import pytest

from serving.access import Role
from tests.serving.cases.conftest import Start, payment
from tests.serving.cases.payments import NAMES, PaymentWorld


def test_a_case_is_scored_on_its_states_and_logged(start: Start, payments: PaymentWorld) -> None:
    client = start()
    answer = client.decide("p1")
    assert (answer["action"], answer["served_by"], answer["release"]) == ("allow", "full", "1"), answer["reason"]
    assert (answer["score"], answer["threshold"]) == (20.0, 100.0)
    client.stop()
    (row,) = payments.rows()
    assert (row["payment_id"], row["card_id"], row["action"], row["completed"]) == ("p1", "c1", "allow", True)
    assert (row["propensity"], row["by_lot"], row["reasons"], row["served_by"]) == (1.0, False, [], "full")
    features = dict(zip(NAMES, row["served_features"], strict=True))
    assert features["amount"] == 20.0
    assert features["card_1h"] == pytest.approx(1.37, abs=0.02), "log(1 + 3 decayed for a minute)"
    assert features["pair_7d"] == pytest.approx(1.1, abs=0.01)
    assert features["sector_7d"] == pytest.approx(3.04, abs=0.01), "the terminal's sector was borrowed"
    assert features["channel"] == 1.0
    assert (features["card_60s"], features["spent_60s"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("fields", "action", "reason"),
    [
        ({"amount": 99.0}, "allow", None),
        ({"amount": 100.0}, "step_up", "amount"),
        ({"amount": 300.0}, "review", "amount"),
        ({"amount": 1_000.0}, "block", "amount"),
        ({"amount": 6_000.0}, "review", "very_large"),
        ({"card_id": "thief", "amount": 20.0}, "block", "known_thief"),
        ({"card_id": "thief", "amount": 9.0}, "step_up", "small_is_never_blocked"),
    ],
)
def test_rules_and_steps_decide(start: Start, fields: dict[str, object], action: str, reason: str | None) -> None:
    answer = start().decide("p1", **fields)
    assert answer["action"] == action
    assert reason in answer["reasons"] if reason else answer["reasons"] == []


def test_steps_follow_the_operating_point_of_the_release(start: Start, payments: PaymentWorld) -> None:
    payments.release("2", act_from=10.0)
    payments.promote("2")
    assert start().decide("p1")["action"] == "review", "20 is twice the release's operating point"


def test_a_release_for_which_acting_is_never_worth_it_acts_only_by_own_thresholds(
    start: Start, payments: PaymentWorld
) -> None:
    payments.release("2", act_from=None)
    payments.promote("2")
    client = start()
    assert client.decide("p1", amount=900.0)["action"] == "allow"
    assert client.decide("p2", amount=1_000.0)["action"] == "block"


def test_the_same_case_gets_the_same_answer_and_one_row(start: Start, payments: PaymentWorld) -> None:
    """Also from another worker, at once, and when the first process is gone."""
    one, other = start(), start()
    first = one.decide("p1")
    assert [one.decide("p1"), other.decide("p1")] == [first, first]
    crowd = other.crowd([{"json": payment("p2")}] * 10, "POST", "/v1/decide")
    assert len({answer.text for answer in crowd}) == 1
    one.stop()
    other.stop()
    assert sorted(row["payment_id"] for row in payments.rows()) == ["p1", "p2"]
    assert start().decide("p1") == first


def test_a_key_with_other_values_is_refused(start: Start) -> None:
    client = start()
    client.decide("p1")
    answer = client.send("POST", "/v1/decide", json=payment("p1", amount=21.0))
    assert answer.status_code == 409
    assert "p1 was decided with other values" in answer.json()["error"]


def test_a_preview_leaves_no_trace(start: Start, payments: PaymentWorld) -> None:
    client = start()
    assert client.decide("p1", amount=300.0, preview=True)["token"] is None
    assert client.decide("p1", amount=250.0, preview=True)["action"] == "review"
    assert client.send("GET", "/v1/queue").json()["open"] == 0
    client.decide("p2")
    client.stop()
    (row,) = payments.rows()
    assert dict(zip(NAMES, row["served_features"], strict=True))["card_60s"] == 0.0


def test_ten_payments_at_once_are_counted_ten_times(start: Start, payments: PaymentWorld) -> None:
    """By two workers; each sees exactly those that are before it in the log, a repeated one counts once."""
    workers = start(), start()
    for turn in range(2):
        for worker, client in enumerate(workers):
            client.crowd([{"json": payment(f"p{worker}{i}", amount=10.0 + i)} for i in range(5)], "POST", "/v1/decide")
        assert turn < 2
    for client in workers:
        client.stop()
    rows = sorted(payments.rows(), key=lambda row: row["event_time"])
    features = [dict(zip(NAMES, row["served_features"], strict=True)) for row in rows]
    assert len({row["event_time"] for row in rows}) == 10
    assert [one["card_60s"] for one in features] == list(range(10))
    spent = [sum(row["amount"] for row in rows[:place]) for place in range(10)]
    assert [one["spent_60s"] for one in features] == spent


def test_without_redis_it_scores_without_states(start: Start, payments: PaymentWorld) -> None:
    client = start()
    client.online.link._open("taken away")
    answer = client.decide("p1", amount=300.0)
    assert (answer["served_by"], answer["action"], answer["release"]) == ("no_state", "review", "1")
    client.stop()
    (row,) = payments.rows()
    assert row["served_features"][NAMES.index("card_60s")] is None, "nobody counted"


def test_without_a_release_rules_decide(start: Start, payments: PaymentWorld) -> None:
    (payments.registry / "live.json").unlink()
    client = start()
    answer = client.decide("p1", amount=900.0)
    assert (answer["served_by"], answer["action"], answer["score"]) == ("rules", "allow", None)
    assert client.decide("p2", card_id="thief")["action"] == "block"


def test_a_release_that_cannot_serve_leaves_the_old_one_answering(start: Start, payments: PaymentWorld) -> None:
    client = start()
    folder = payments.release("2")
    (folder / "model.json").write_text("{}")
    payments.promote("2")
    client._runner.run(client.online.releases._follow())
    answer = client.decide("p1")
    assert (answer["served_by"], answer["release"]) == ("stale_release", "1")
    assert "release 2 was refused" in answer["reason"]


def test_what_breaks_unexpectedly_costs_the_score_and_never_the_answer(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    client = start()
    monkeypatch.setattr(client.online.releases.live.builder, "matrix", broken)
    assert client.decide("p1")["served_by"] == "rules"
    monkeypatch.setattr(client.online.ladder._deciding, "decided", broken)
    answer = client.decide("p2", amount=900.0)
    assert (answer["served_by"], answer["action"]) == ("default", "allow")


def test_an_overloaded_service_decides_by_rules_then_refuses(start: Start) -> None:
    client = start()
    shedding = client.online.shedding
    shedding._full.s = shedding._lowest.s = 0.02
    shedding.in_flight = 3
    answer = client.decide("p1", card_id="thief")
    assert (answer["served_by"], answer["action"]) == ("rules", "block")
    shedding.in_flight = 100
    answer = client.send("POST", "/v1/decide", json=payment("p2"))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


REFUSED: list[tuple[str, object, str]] = [
    ("no amount", payment("p1", amount="left out"), "amount"),
    ("a word for a number", payment("p1", amount="much"), "$.amount"),
    ("below what may be", payment("p1", amount=-1), "$.amount"),
    ("an unknown word", payment("p1", channel="fax"), "$.channel"),
    ("an unknown field", payment("p1", colour="red"), "colour"),
    ("a column that we log", payment("p1", action="allow"), "action"),
    ("an empty key", payment(""), "$.payment_id"),
    ("a moment without zone", payment("p1", due="2026-05-03T00:00:00"), "$.due"),
    ("a moment of a wrong clock", payment("p1", due="0001-01-01T00:00:00Z"), "$.due"),
    ("more than an int32", payment("p1", attempts=1 << 40), "$.attempts"),
    ("a list", [], "object"),
]


@pytest.mark.parametrize(("body", "named"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_wrong_field_is_named(start: Start, body: object, named: str) -> None:
    answer = start().send("POST", "/v1/decide", json=body)
    assert answer.status_code == 422
    assert named in answer.json()["error"]


ODD = [b"", b"{", b"\xff", b"null", b'{"payment_id": "\\ud800"}', b"[" * 10_000, b'{"amount": 1e999}', b'"p1"', b"NaN"]


@pytest.mark.parametrize("body", ODD)
def test_whatever_a_caller_sends_is_refused_as_its_own_fault(start: Start, body: bytes) -> None:
    client = start()
    for path in ("/v1/decide", "/v1/events", "/v1/queue"):
        answer = client.send("POST", path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in {400, 403, 422}, answer.text


def test_odd_keys_are_keys(start: Start, payments: PaymentWorld) -> None:
    client = start()
    keys = ["\x1f", "p\x1f1", "a\\", "\x00", "💳", "x" * 100, "' OR 1=1 --", "<script>"]
    for key in keys:
        assert client.decide(key, card_id=key, terminal_id=key, amount=300.0)["payment_id"] == key
    client.stop()
    assert [row["payment_id"] for row in payments.rows()] == keys


@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("rank", 403), ("review", 403), ("decide", 200), ("operate", 200)]
)
def test_deciding_needs_its_role(start: Start, role: Role | None, status: int) -> None:
    assert start().send("POST", "/v1/decide", role, json=payment("p1")).status_code == status


def test_the_page_of_the_api_describes_it(start: Start) -> None:
    spec = start().send("GET", "/openapi.json").json()
    assert set(spec["paths"]) == {"/v1/decide", "/v1/events", "/v1/queue", "/healthz", "/readyz", "/metrics"}
    assert spec["components"]["schemas"]["Case"]["properties"]["amount"]["maximum"] == 1_000_000
    assert "served_by" in spec["components"]["schemas"]["Decision"]["properties"]
