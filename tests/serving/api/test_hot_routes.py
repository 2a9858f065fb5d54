"""The hot routes as a server calls them: bodies in pieces, refusals before the body, and everything else passed on."""

import asyncio
from typing import Any

import pytest

from serving.access.refused import RefusedError
from serving.access.roles import NONE, Headers, Roles
from serving.api import hot_routes
from serving.api.hot_routes import MOST_BYTES, HotRoutes, Post

JSON = [(b"content-type", b"application/json")]


async def echo(body: bytes, roles: Roles) -> tuple[int, bytes]:
    return 200, body


async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"elsewhere"})


async def broken(body: bytes, roles: Roles) -> tuple[int, bytes]:
    raise LookupError("/secret/path")


def anybody(headers: Headers, reached: str) -> Roles:
    return NONE


def known(headers: Headers, reached: str) -> Roles:
    if b"authorization" not in headers:
        raise RefusedError(401, "who are you?")
    return NONE


def busy(headers: Headers, reached: str) -> Roles:
    raise RefusedError(429, "busy", retry_s=1)


def ask(
    *pieces: bytes, path: str = "/v1/echo", method: str = "POST", headers: Any = JSON, ends: bool = True
) -> tuple[int, dict[bytes, bytes], bytes, int]:
    """Status, headers and body of the answer, and how many pieces of the body were not read."""
    waiting = [
        {"type": "http.request", "body": piece, "more_body": i + 1 < len(pieces)} for i, piece in enumerate(pieces)
    ]
    if not ends:
        waiting[-1] = {"type": "http.disconnect"}
    sent: list[Any] = []
    refusals: list[int] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    posts = {
        "/v1/echo": Post(anybody, echo, refusals.append),
        "/v1/busy": Post(busy, echo, refusals.append),
        "/v1/broken": Post(anybody, broken, refusals.append),
    }
    scope = {"type": "http", "path": path, "method": method, "headers": headers}
    asyncio.run(HotRoutes(elsewhere, posts, known)(scope, receive, send))
    status = sent[0]["status"]
    assert refusals == ([status] if status >= 300 and path in posts else [])
    return status, dict(sent[0]["headers"]), sent[1]["body"], len(waiting)


def test_a_body_in_pieces_is_one_body() -> None:
    status, headers, body, _ = ask(b'{"a"', b":", b"1}")
    assert (status, body) == (200, b'{"a":1}')
    assert headers == {b"content-type": b"application/json", b"content-length": b"7"}


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_probes_go_on_for_everybody(path: str) -> None:
    assert ask(b"", path=path, method="GET", headers=[])[0] == 299


@pytest.mark.parametrize(
    "path", ["/docs", "/metrics", "/schema.json", "/static_content/x.js", "/v1/feed/", "/healthz/"]
)
def test_other_paths_go_on_for_those_who_may_look(path: str) -> None:
    assert ask(b"", path=path, method="GET", headers=[])[0] == 401
    assert ask(b"", path=path, method="GET", headers=[(b"authorization", b"Bearer x")])[0] == 299


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/a/task/of/bentoml", "/v1/echo"])
def test_pickles_are_refused_everywhere(path: str) -> None:
    pickle = [(b"content-type", b"Application/Vnd.BentoML+Pickle"), (b"authorization", b"Bearer x")]
    assert ask(b"\x80\x04.", path=path, headers=pickle)[0] == 415


def test_pages_are_only_looked_at() -> None:
    status, headers, _, unread = ask(b"{}", path="/docs", headers=[*JSON, (b"authorization", b"Bearer x")])
    assert (status, headers[b"allow"], unread) == (405, b"GET, HEAD", 1)


def test_what_nobody_foresaw_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    status, _, answer, _ = ask(b"{}", path="/v1/broken")
    assert status == 500
    assert b"secret" not in answer
    number = answer.decode().rpartition(" ")[2].rstrip('"}')
    assert number in caplog.text, "whoever runs it finds it by the number the caller was told"
    assert "/secret/path" in caplog.text


def test_a_callers_own_megabyte_is_not_sent_back() -> None:
    assert len(str(RefusedError(422, "x" * 1_000_000))) < 600


@pytest.mark.parametrize(
    "kind", [None, b"application/vnd.bentoml+pickle", b"text/plain", b"multipart/form-data; boundary=x"]
)
def test_only_json_is_read(kind: bytes | None) -> None:
    status, _, answer, unread = ask(b"\x80\x04.", headers=[(b"content-type", kind)] if kind else [])
    assert status == 415
    assert b"content-type: application/json" in answer
    assert unread == 1


def test_json_may_name_its_charset() -> None:
    assert ask(b"{}", headers=[(b"content-type", b"Application/JSON; charset=utf-8")])[0] == 200


def test_too_long_a_body_is_refused_while_it_comes() -> None:
    status, _, _, unread = ask(*[b"x" * (MOST_BYTES // 2)] * 5)
    assert (status, unread) == (413, 2)


def test_bodies_that_come_at_once_have_a_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_routes, "MOST_INCOMPLETE_BYTES", 3 * MOST_BYTES)
    app = HotRoutes(elsewhere, {"/v1/echo": Post(anybody, echo, lambda status: None)}, known)
    scope = {"type": "http", "path": "/v1/echo", "method": "POST", "headers": JSON}
    statuses: list[int] = []

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    async def run(count: int) -> list[int]:
        complete = asyncio.Event()

        async def one() -> None:
            pieces = [{"type": "http.request", "body": b"x" * (MOST_BYTES - 1), "more_body": True}]

            async def receive() -> Any:
                if pieces:
                    return pieces.pop()
                await complete.wait()
                return {"type": "http.request", "body": b"x"}

            await app(scope, receive, send)

        statuses.clear()
        requests = [asyncio.ensure_future(one()) for _ in range(count)]
        await asyncio.sleep(0)
        complete.set()
        await asyncio.gather(*requests)
        return sorted(status for status in statuses if status)

    assert asyncio.run(run(5)) == [200, 200, 200, 503, 503]
    assert asyncio.run(run(3)) == [200, 200, 200], "what was refused is held no longer"


def test_a_busy_route_refuses_before_it_reads() -> None:
    status, headers, _, unread = ask(b"{}", path="/v1/busy")
    assert (status, headers[b"retry-after"], unread) == (429, b"1", 1)


def test_other_methods_are_told_which_one_is_meant() -> None:
    status, headers, _, _ = ask(b"", method="DELETE")
    assert (status, headers[b"allow"]) == (405, b"POST")


def test_a_caller_that_hangs_up_is_no_error_of_ours() -> None:
    assert ask(b'{"a"', b"", ends=False)[0] == 400
