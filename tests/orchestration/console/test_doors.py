"""Who may see and move what: forms, sessions, roles, origins; what is sent by somebody who means no good."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from starlette.testclient import TestClient

from orchestration.console import Console
from orchestration.console.readings import Readings
from orchestration.console.sessions import IDLE_S, LONGEST_S, Sessions
from serving.access import Access
from serving.guard import Guard
from tests.orchestration.console.stand import BAD, Stand

FORM = {"content-type": "application/x-www-form-urlencoded"}
Moves = Callable[..., httpx.Response]


@pytest.fixture
def caller(at: Stand) -> Iterator[httpx.Client]:
    """Somebody with a browser's manners."""
    headers = {"origin": at.address, "sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=at.address, headers=headers, timeout=60) as client:
        yield client


def signed_in(caller: httpx.Client, token: str) -> httpx.Response:
    """Sign in."""
    return caller.post("/console/sign-in", data={"token": token, "next": ""})


def form_of(caller: httpx.Client, move: str, page: str = "/console/home_feed/releases") -> dict[str, str]:
    """The hidden fields of a button's form."""
    html = caller.get(page).text
    form = re.search(rf'<form class="move"[^>]*/moves/{move}">(.*?)</form>', html, re.DOTALL)
    assert form, f"no button {move} on {page}: {html[-3000:]}"
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[1]))


def moved(caller: httpx.Client, move: str, **fields: str) -> httpx.Response:
    """Send a move's form."""
    return caller.post(f"/console/home_feed/moves/{move}", data=fields)


def test_a_move_needs_a_session_of_an_operator_a_proof_a_reason_and_our_own_origin(
    at: Stand, caller: httpx.Client
) -> None:
    epoch = str(at.installation.registry.epoch())
    assert moved(caller, "pause", why="x", epoch=epoch, proof="x").status_code == 401
    assert signed_in(caller, at.token("observe")).status_code == 303
    refused = moved(caller, "pause", why="x", epoch=epoch, proof="x")
    assert refused.status_code == 403
    assert "needs the role `operate`" in refused.text
    assert "/moves/" not in caller.get("/console/home_feed/releases").text, "who may only look sees no buttons"
    assert signed_in(caller, at.token()).status_code == 303
    fields = form_of(caller, "pause")
    for wrong, status, says in (
        ({**fields, "why": " \t"}, 422, "say why"),
        ({**fields, "why": "x" * 1001}, 422, "no longer than"),
        ({**fields, "why": "x", "proof": "y" * 43}, 403, "not from a page of this session"),
        ({"why": "x", "epoch": epoch}, 403, "not from a page"),
        ({**fields, "why": "x", "epoch": "-1"}, 422, "load the page again"),
        ({**fields, "why": "x", "epoch": "9" * 40}, 422, "load the page again"),
    ):
        answer = moved(caller, "pause", **wrong)
        assert (answer.status_code, says in answer.text) == (status, True), answer.text
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"origin": ""},
    ):
        answer = caller.post("/console/home_feed/moves/pause", data={**fields, "why": "x"}, headers=headers)
        assert answer.status_code == 403, headers
    assert caller.get("/console/home_feed/moves/pause", params={**fields, "why": "x"}).status_code == 405
    trial = at.installation.registry.trial()
    assert trial is not None
    assert not trial.paused, "none of these moved anything"


def test_a_view_that_was_overtaken_is_refused_with_a_page_that_says_so(at: Stand, caller: httpx.Client) -> None:
    signed_in(caller, at.token())
    fields = form_of(caller, "pause")
    at.installation.registry.pause("somebody else", "lunch", at.installation.now())
    answer = moved(caller, "pause", **fields, why="mine")
    assert answer.status_code == 409
    assert "Overtaken" in answer.text
    assert "Back to the releases" in answer.text
    at.installation.registry.resume("somebody else", "back", at.installation.now())


def test_a_session_ends_after_a_rest_and_after_a_day_however_busy_it_is() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    rested, busy = sessions.begin("a" * 40, "operate"), sessions.begin("b" * 40, "operate")
    while now[0] < LONGEST_S:
        assert sessions.find(busy.key) is busy
        now[0] += IDLE_S * 0.9
    assert sessions.find(busy.key) is None
    assert sessions.find(rested.key) is None


def test_a_button_of_a_session_that_ended_or_whose_token_was_taken_away_moves_nothing(at: Stand) -> None:
    now, guard = [0.0], Guard(at.settings)
    app = Console([at.installation], guard, Readings(), Sessions(lambda: now[0])).app()
    moves = len(at.installation.registry.history())
    headers = {"origin": "http://127.0.0.1"}
    with TestClient(app, "http://127.0.0.1", headers=headers, follow_redirects=False) as caller:
        signed_in(caller, at.token())
        fields = form_of(caller, "pause")
        now[0] += IDLE_S
        answer = moved(caller, "pause", **fields, why="after lunch")
        assert (answer.status_code, "the session has ended" in answer.text) == (401, True)
        signed_in(caller, at.token())
        fields = form_of(caller, "pause")
        guard.access = Access({"operate": ["another token that took the place of the first"]}, ("observe",))
        assert moved(caller, "pause", **fields, why="still here").status_code == 401
        assert "Sign out" not in caller.get("/console/home_feed/").text
    assert len(at.installation.registry.history()) == moves


def test_tokens_that_are_none_open_nothing_and_nobody_is_sent_elsewhere(at: Stand, caller: httpx.Client) -> None:
    for token in ("", "wrong", BAD, "é" * 40, at.token("rank")):
        answer = signed_in(caller, token)
        assert answer.status_code in {401, 403}
        assert "set-cookie" not in answer.headers
    for after in (
        "//evil.example/",
        "https://evil.example",
        "/console/\\evil",
        "/console/../x//y",
        "javascript:alert(1)",
    ):
        answer = caller.post("/console/sign-in", data={"token": at.token(), "next": after})
        assert answer.headers["location"] == "/console/", after
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/console"} <= {part.strip() for part in cookie.split(";")}


def test_pages_of_people_are_for_operators_and_other_names_of_this_machine_are_refused(
    at: Stand, caller: httpx.Client
) -> None:
    assert caller.get("/console/home_feed/").status_code == 200, "looking is open on this machine"
    assert caller.get("/console/home_feed/feed").status_code == 401
    assert caller.get("/console/home_feed/why").status_code == 401
    assert caller.get("/console/home_feed/", headers={"host": "evil.example"}).status_code == 421
    behind = caller.get("/console/home_feed/", headers={"x-forwarded-for": "203.0.113.9"})
    assert behind.status_code == 401, "a proxy in front of it opens nothing"


@pytest.mark.parametrize(
    "path",
    [
        "/console/static/../app.py",
        "/console/static/..%2f..%2fapp.py",
        "/console/%2e%2e/%2e%2e/etc/passwd",
        "/console/home_feed/../nobody/x",
        "/console/nobody/",
        "/console/home_feed/releases/99",
        "/console/home_feed/releases/1%00",
        "/console/home_feed/releases/<script>",
        "/" + "x" * 5000,
    ],
)
def test_addresses_that_lead_nowhere_get_a_page_that_says_so(at: Stand, caller: httpx.Client, path: str) -> None:
    answer = caller.get(path, follow_redirects=True)
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "root:" not in answer.text


def test_every_answer_forbids_frames_scripts_and_other_peoples_forms(caller: httpx.Client) -> None:
    for path in ("/console/home_feed/", "/console/sign-in", "/console/nothing", "/console/static/console.css"):
        headers = caller.get(path).headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert all(word in policy for word in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"))
        assert "script-src" not in policy
        assert "unsafe" not in policy
    html = caller.get("/console/home_feed/").text
    assert "<script" not in html
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', html), "nothing is fetched from elsewhere"


def test_forms_that_are_none_are_refused(at: Stand, caller: httpx.Client) -> None:
    signed_in(caller, at.token())
    path = "/console/home_feed/moves/rollback"
    for content, headers, status in (
        (b"why=" + b"x" * 20_000, FORM, 413),
        (b"\xff\xfe=%ff", FORM, 400),
        (b"&".join(b"a%d=1" % i for i in range(50)), FORM, 400),
        (b"why=a&why=b", FORM, 400),
        (b'{"why": "x"}', {"content-type": "application/json"}, 415),
        (b"", {}, 415),
    ):
        answer = caller.post(path, content=content, headers=headers)
        assert answer.status_code == status, (content[:40], answer.text)
    assert caller.post("/console/home_feed/moves/delete", data={"why": "x", "epoch": "1"}).status_code in {403, 404}


def test_words_of_other_people_are_shown_as_words(at: Stand, caller: httpx.Client) -> None:
    signed_in(caller, at.token())
    pages = [
        "",
        "releases",
        "releases/2",
        "drift",
        "decisions",
        "why?request=%3Cscript%3E",
        "feed?user=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    ]
    for page in pages:
        html = caller.get(f"/console/home_feed/{page}").text
        assert "<script" not in html, page
        assert "<img" not in html, page
        assert "onfocus=" not in html.replace("&#34; autofocus onfocus=", ""), page
    assert "&lt;script&gt;" in caller.get("/console/home_feed/").text, "the attack is there to be read"


def test_reasons_are_kept_on_one_line_with_who_gave_them(at: Stand, caller: httpx.Client) -> None:
    signed_in(caller, at.token())
    answer = moved(caller, "pause", **form_of(caller, "pause"), why="line one\r\nline two\x00 \u202e end")
    assert answer.status_code == 303
    move = at.installation.registry.history()[-1]
    assert (move.action, move.why) == ("pause", "line one line two end")
    assert re.fullmatch(r"operate-[0-9a-f]{8} \(console\)", move.who)
    assert at.token()[:8] not in move.who
    assert moved(caller, "resume", **form_of(caller, "resume"), why="done").status_code == 303
    assert timedelta(0) <= at.installation.now() - move.at
