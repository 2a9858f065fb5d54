"""`POST /v1/decide`: what a case gets, what is logged of it, and what it gets while parts fail."""

import pytest

from serving.access import Role
from tests.serving.cases.conftest import CaseClient, Logged, Start, named, payment
from tests.serving.cases.payments import PaymentWorld
from tests.serving.collector import collecting, tracing


def test_a_case_is_scored_on_its_states_and_logged(client: CaseClient, logged: Logged) -> None:
    answer = client.decide("whole")
    assert (answer["action"], answer["served_by"], answer["release"]) == ("allow", "full", "1"), answer["reason"]
    assert (answer["score"], answer["threshold"]) == (20.0, 100.0)
    row = logged("whole")
    assert (row["card_id"], row["action"], row["completed"]) == ("c1", "allow", True)
    assert (row["propensity"], row["by_lot"], row["reasons"], row["served_by"]) == (1.0, False, [], "full")
    features = named(row)
    assert features["amount"] == 20.0
    assert features["card_1h"] == pytest.approx(1.37, abs=0.02), "log(1 + 3 decayed for a minute)"
    assert features["pair_7d"] == pytest.approx(1.1, abs=0.01)
    assert features["sector_7d"] == pytest.approx(3.04, abs=0.01), "the terminal's sector was borrowed"
    assert features["channel"] == 1.0
    assert (features["card_60s"], features["spent_60s"]) == (0.0, 0.0)


def test_a_case_and_its_stages_are_spans_of_a_trace(client: CaseClient) -> None:
    with collecting() as collector:
        with tracing(client, collector.port, door="_asgi"):
            answer = client.decide("traced")
        (request,) = collector.named("POST /v1/decide")
    facts = {each.key: each.value.string_value for each in request.attributes}
    assert facts["flywheel.request_id"] == answer["request_id"]
    assert (facts["flywheel.served_by"], facts["flywheel.variant"]) == (answer["served_by"], answer["variant"])
    assert {span.name for span in collector.spans if span.parent_span_id == request.span_id} >= {"state", "score"}
    assert "c1" not in str(collector.spans), "no trace names a person"


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
def test_rules_and_steps_decide(client: CaseClient, fields: dict[str, object], action: str, reason: str | None) -> None:
    answer = client.decide(f"rules {fields}", **fields)
    assert answer["action"] == action
    assert reason in answer["reasons"] if reason else answer["reasons"] == []


def test_steps_follow_the_operating_point_of_the_release(start: Start, payments: PaymentWorld) -> None:
    payments.release("2", act_from=None)
    payments.promote("2")
    client = start()
    client.follow()
    assert client.decide("no point", amount=900.0)["action"] == "allow", "acting is never worth it by this release"
    assert client.decide("own threshold", amount=1_000.0)["action"] == "block"


def test_the_same_case_gets_the_same_answer_and_one_row(start: Start, payments: PaymentWorld) -> None:
    """Also from another worker, at once, and when the first process is gone."""
    one, other = start(), start()
    first = one.decide("again")
    assert [one.decide("again"), other.decide("again")] == [first, first]
    crowd = other.crowd([{"json": payment("crowd")}] * 10, "POST", "/v1/decide")
    assert len({answer.text for answer in crowd}) == 1
    one.stop()
    other.stop()
    assert sorted(row["payment_id"] for row in payments.rows() if row["payment_id"] in {"again", "crowd"}) == [
        "again", "crowd",
    ]  # fmt: skip
    assert start().decide("again") == first


def test_a_key_with_other_values_is_refused(client: CaseClient) -> None:
    client.decide("other")
    answer = client.send("POST", "/v1/decide", json=payment("other", amount=21.0))
    assert answer.status_code == 409
    assert "other was decided with other values" in answer.json()["error"]


def test_a_preview_leaves_no_trace(client: CaseClient, logged: Logged) -> None:
    assert client.decide("preview", card_id="c2", amount=300.0, preview=True)["token"] is None
    assert client.decide("preview", card_id="c2", amount=250.0, preview=True)["action"] == "review"
    assert "preview" not in client.send("GET", "/v1/queue").text
    client.decide("after", card_id="c2")
    assert named(logged("after"))["card_60s"] == 0.0
    assert logged("preview") is None


def test_ten_payments_at_once_are_counted_ten_times(start: Start, payments: PaymentWorld) -> None:
    """By two workers; each sees exactly those that are before it in the log, a repeated one counts once."""
    workers = start(), start()
    bodies = [{"json": payment(f"ten{i}", card_id="busy", amount=10.0 + i)} for i in range(10)]
    for _ in range(2):
        workers[0].crowd(bodies[:5], "POST", "/v1/decide")
        workers[1].crowd(bodies[5:], "POST", "/v1/decide")
    for client in workers:
        client.stop()
    rows = [row for row in payments.rows() if row["card_id"] == "busy"]
    rows.sort(key=lambda row: str(row["event_time"]))
    assert len({row["event_time"] for row in rows}) == len(rows) == 10
    assert [named(row)["card_60s"] for row in rows] == list(range(10))
    spent = [sum(row["amount"] for row in rows[:place]) for place in range(10)]
    assert [named(row)["spent_60s"] for row in rows] == spent


def test_without_redis_it_scores_without_states(start: Start, payments: PaymentWorld) -> None:
    client = start()
    client.online.link._open("taken away")
    answer = client.decide("dark", amount=300.0)
    assert (answer["served_by"], answer["action"], answer["release"]) == ("no_state", "review", "1")
    assert client.decide("dark", amount=300.0) == answer
    client.stop()
    (row,) = [row for row in payments.rows() if row["payment_id"] == "dark"]
    assert named(row)["card_60s"] is None, "nobody counted"


def test_without_a_release_rules_decide(client: CaseClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.online.releases, "live", None)
    answer = client.decide("no release", amount=900.0)
    assert (answer["served_by"], answer["action"], answer["score"]) == ("rules", "allow", None)
    assert client.decide("no release 2", card_id="thief")["action"] == "block"


def test_who_was_erased_is_decided_without_their_states_and_not_stored(
    client: CaseClient, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.online.erased, "people", {"c1"})
    answer = client.decide("erased", amount=300.0)
    assert (answer["served_by"], answer["token"]) == ("no_state", None)
    assert answer["action"] == "step_up", "nobody may look at it"
    assert logged("erased") is None
    assert "erased" not in client.send("GET", "/v1/queue").text


def test_a_release_that_cannot_serve_leaves_the_old_one_answering(start: Start, payments: PaymentWorld) -> None:
    client = start()
    folder = payments.release("3")
    (folder / "model.json").write_text("{}")
    payments.promote("3")
    client.follow()
    answer = client.decide("stale")
    assert (answer["served_by"], answer["release"]) == ("stale_release", "1")
    assert "release 3 was refused" in answer["reason"]


def test_what_breaks_unexpectedly_costs_the_score_and_never_the_answer(
    client: CaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(client.online.releases.live.builder, "matrix", broken)
    assert client.decide("broken")["served_by"] == "rules"
    monkeypatch.setattr(client.online.ladder._deciding, "decided", broken)
    answer = client.decide("broken 2", amount=900.0)
    assert (answer["served_by"], answer["action"]) == ("default", "allow")


def test_an_overloaded_service_decides_by_rules_then_refuses(
    client: CaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shedding = client.online.shedding
    monkeypatch.setattr(shedding, "in_flight", 0)
    monkeypatch.setattr(shedding._full, "s", 20.0)
    monkeypatch.setattr(shedding._lowest, "s", 20.0)
    shedding.in_flight = 1
    answer = client.decide("overload", card_id="thief")
    assert (answer["served_by"], answer["action"]) == ("rules", "block")
    shedding.in_flight = 9
    refused = client.send("POST", "/v1/decide", json=payment("overload 2"))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")


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
def test_a_wrong_field_is_named(client: CaseClient, body: object, named: str) -> None:
    answer = client.send("POST", "/v1/decide", json=body)
    assert answer.status_code == 422
    assert named in answer.json()["error"]


ODD = [b"", b"{", b"\xff", b"null", b'{"payment_id": "\\ud800"}', b"[" * 10_000, b'{"amount": 1e999}', b'"p1"', b"NaN"]


@pytest.mark.parametrize("body", ODD)
def test_whatever_a_caller_sends_is_refused_as_its_own_fault(client: CaseClient, body: bytes) -> None:
    for path in ("/v1/decide", "/v1/events", "/v1/queue"):
        answer = client.send("POST", path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in {400, 403, 422}, answer.text


def test_odd_keys_are_keys(client: CaseClient, logged: Logged) -> None:
    for key in ("\x1f", "p\x1f1", "a\\", "\x00", "💳", "x" * 100, "' OR 1=1 --", "<script>"):
        assert client.decide(key, card_id=key, terminal_id=key, amount=300.0)["payment_id"] == key
        assert logged(key) is not None


@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("rank", 403), ("review", 403), ("decide", 200), ("operate", 200)]
)
def test_deciding_needs_its_role(client: CaseClient, role: Role | None, status: int) -> None:
    assert client.send("POST", "/v1/decide", role, json=payment("roles")).status_code == status


def test_the_page_of_the_api_describes_it(client: CaseClient) -> None:
    spec = client.send("GET", "/openapi.json").json()
    assert set(spec["paths"]) == {"/v1/decide", "/v1/events", "/v1/queue", "/healthz", "/readyz", "/metrics"}
    assert spec["components"]["schemas"]["Case"]["properties"]["amount"]["maximum"] == 1_000_000
    assert "served_by" in spec["components"]["schemas"]["Decision"]["properties"]
