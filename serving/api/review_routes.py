"""The reviewers' queue: `/v1/queue` for programs and `/queue` for people, both for callers of role `review`."""

import asyncio
import hmac
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from infra.clock import written
from serving.access import Headers, RefusedError, Roles
from serving.api import review_page
from serving.api.case_messages import CaseMessages
from serving.api.hot_routes import JSON, Asgi, Message, Post, Receive, Send, encode, reached
from serving.api.messages import Problem
from serving.api.read import read
from serving.case_policy import Decide, Queue, ServedCases
from serving.deciding import Review, day_of
from serving.feedback import Event, verdict_row

if TYPE_CHECKING:
    from serving.online_cases import OnlineCases

COOKIE = "flywheel_review"
PATHS = ("/queue", "/queue/login", "/v1/queue")
SHOWN, LISTED = 50, 500  # reviews on the page, in an answer: further ones come up as these are worked
MOST_BYTES = 16_384  # of a form
HTML = b"text/html; charset=utf-8"
Land = Callable[[Sequence[tuple[str, Event]]], Awaitable[None]]


class ReviewRoutes:
    """Shows open reviews and takes verdicts, which are landed as rows of the table of verdicts."""

    def __init__(
        self, served: ServedCases, messages: CaseMessages, parts: Callable[[], "OnlineCases"], land: Land
    ) -> None:  # fmt: skip
        self._served, self._messages, self._parts, self._land = served, messages, parts, land
        self._queue = _queue(served)
        self._table = next(table for table in served.events if table.name == self._queue.verdicts.table)
        self._words = self._table.column(self._queue.verdicts.verdict).one_of or ()
        self._make_row = verdict_row(self._table, served, self._queue.verdicts)

    def post(self, refused: Callable[[int], None]) -> Post:
        """`POST /v1/queue`: a verdict."""
        decode = msgspec.json.Decoder(self._messages.verdict).decode

        async def answer(body: bytes, _: Roles) -> tuple[int, bytes]:
            sent = read(decode, body)
            await self._judge(sent.case, sent.verdict)
            return 202, b'{"accepted":1}'

        return Post(lambda headers, at: self._parts().guard.access.check(headers, "review", at), answer, refused)

    def before(self, app: Asgi) -> Asgi:
        """An app that answers what is the queue's, but for JSON that is posted, and leaves all else to `app`."""

        async def route(scope: Message, receive: Receive, send: Send) -> None:
            path, method = scope.get("path"), scope.get("method")
            if scope["type"] != "http" or path not in PATHS or (path == "/v1/queue" and method == "POST"):
                await app(scope, receive, send)
                return
            try:
                await self._answer(scope, receive, send)
            except RefusedError as refused:
                await self._refuse(path, send, refused)

        return route

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        path, method = scope["path"], scope["method"]
        if path == "/v1/queue" and method in {"GET", "HEAD"}:
            self._parts().guard.access.check(headers, "review", reached(scope))
            await _send(send, 200, encode(await self._listed()), JSON)
        elif path == "/queue" and method in {"GET", "HEAD"}:
            session = self._session(headers, scope)
            page = review_page.page(self._served, await self._facts(SHOWN), self._words, self._proof(session))
            await _send(send, 200, page.encode(), HTML)
        elif path != "/v1/queue" and method == "POST":
            _must_be_ours(headers)
            form = await _form(headers, receive)
            await (
                self._log_in(form, scope, send) if path == "/queue/login" else self._take(form, headers, scope, send)
            )
        else:
            raise RefusedError(405, f"{method[:20]} means nothing here", headers={b"allow": b"GET, HEAD, POST"})

    async def _take(self, form: Mapping[str, str], headers: Headers, scope: Message, send: Send) -> None:
        """A verdict from the page."""
        session = self._session(headers, scope)
        if not hmac.compare_digest(form.get("proof", "").encode(), self._proof(session).encode()):
            raise RefusedError(403, "this form is not from this page, or it is old: load the page again")
        if form.get("verdict") not in self._words:
            raise RefusedError(422, f"write one of {', '.join(self._words)}")
        await self._judge(form.get("case", ""), form["verdict"])
        await _send(send, 303, b"", HTML, (b"location", b"/queue"))

    async def _log_in(self, form: Mapping[str, str], scope: Message, send: Send) -> None:
        token = form.get("token", "").strip()
        sent = {**dict(scope["headers"]), b"authorization": b"Bearer " + token.encode("latin-1", "replace")}
        self._parts().guard.access.check(sent, "review", reached(scope))
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{COOKIE}={token}; Path=/queue; HttpOnly; SameSite=Strict; Max-Age=43200{secure}"
        await _send(send, 303, b"", HTML, (b"location", b"/queue"), (b"set-cookie", cookie.encode()))

    def _session(self, headers: Headers, scope: Message) -> str:
        """What stands for this reviewer in a proof: the token of the cookie, or none where none is needed."""
        token = _cookie(headers)
        sent = {**headers, b"authorization": b"Bearer " + token.encode("latin-1", "replace")} if token else headers
        self._parts().guard.access.check(sent, "review", reached(scope))
        return token

    def _proof(self, session: str) -> str:
        """What a form of ours carries: other pages cannot make it."""
        keys = self._parts().guard.keys
        return hmac.new(keys.secrets[keys.signing], f"queue\n{session}".encode(), "sha256").hexdigest()

    async def _judge(self, case: str, verdict: str) -> None:
        """Land a verdict, then close its review."""
        parts = self._parts()
        review = await _kept(lambda: parts.queue.find(case))
        if review is None:
            raise RefusedError(404, f"`{self._served.key}` {case[:40]} does not wait for a verdict, or not any more")
        now = parts.clock.now()
        if not await _kept(lambda: parts.queue.begin_verdict(case, now)):
            raise RefusedError(409, f"`{self._served.key}` {case[:40]} is given a verdict by somebody else right now")
        row = self._make_row(review, verdict, datetime.fromtimestamp(now, UTC))
        try:
            await self._land(parts.outcomes.checked(self._table, row, "$", now))
        except BaseException:
            await _kept(lambda: parts.queue.give_up_verdict(case))
            raise
        await _kept(lambda: parts.queue.close_review(case, now))

    async def _facts(self, limit: int) -> review_page.Facts:
        parts = self._parts()
        now, policy = parts.clock.now(), parts.ladder.policy
        count, oldest, today = await _kept(lambda: parts.queue.facts(day_of(now)))
        a_day = policy.queue.a_day if isinstance(policy, Decide) and policy.queue else self._queue.a_day
        reviews = await _kept(lambda: parts.queue.waiting(limit))
        return review_page.Facts(now, count, None if oldest is None else max(0.0, now - oldest), today, a_day, reviews)

    async def _listed(self) -> Any:
        facts, queue = await self._facts(LISTED), self._messages.waiting
        assert queue is not None, "a policy with a queue has its messages"
        return queue(
            open=facts.open, oldest_s=facts.oldest_s, today=facts.today, a_day=facts.a_day,
            reviews=[_shown(review, self._served.key) for review in facts.reviews],
        )  # fmt: skip

    async def _refuse(self, path: str, send: Send, refused: RefusedError) -> None:
        """A refusal as JSON, or as a page for people: with a place for the token where that is what lacks."""
        if path == "/v1/queue":
            await _send(send, refused.status, encode(Problem(str(refused))), JSON, *refused.headers.items())
            return
        asks = refused.status in {401, 403} and path != "/queue/login" and "form" not in str(refused)
        page = review_page.refusal(self._served.policy.name, str(refused), asks=asks or path == "/queue/login")
        await _send(send, refused.status, page.encode(), HTML, *refused.headers.items())


def _queue(served: ServedCases) -> Queue:
    policy = served.policy
    assert isinstance(policy, Decide), "only cases that are decided are reviewed"
    assert policy.queue is not None, "and only where there is a queue"
    return policy.queue


def _shown(review: Review, key: str) -> dict[str, Any]:
    return {
        key: review.key, "since": written(review.at), "expected_loss": review.loss, "score": review.score,
        "reasons": list(review.reasons), "given": dict(review.given),
    }  # fmt: skip


async def _kept(read_or_write: Callable[[], Any]) -> Any:
    """What the queue's file says; refused when it cannot be used now."""
    try:
        return await asyncio.to_thread(read_or_write)
    except (OSError, sqlite3.Error) as failed:
        raise RefusedError(503, f"the queue cannot be read now: {failed}", retry_s=1) from failed


def _cookie(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return ""
    return cookie[COOKIE].value if COOKIE in cookie else ""


def _must_be_ours(headers: Headers) -> None:
    """Refuses a form that another site's page sent, as browsers tell it."""
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    host = headers.get(b"host", b"").decode("latin-1")
    foreign = origin is not None and urlsplit(origin.decode("latin-1")).netloc != host
    if foreign or site not in {None, b"same-origin", b"none"}:
        raise RefusedError(403, "this form was sent from another site")


async def _form(headers: Headers, receive: Receive) -> Mapping[str, str]:
    if not headers.get(b"content-type", b"").lower().startswith(b"application/x-www-form-urlencoded"):
        raise RefusedError(415, "send the page's own form")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the body ended early")
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise RefusedError(413, f"a form is no longer than {MOST_BYTES} bytes")
        if not message.get("more_body", False):
            break
    try:
        fields = parse_qs(bytes(body).decode(), max_num_fields=10, keep_blank_values=True)
    except ValueError as wrong:
        raise RefusedError(400, f"the form cannot be read: {wrong}") from wrong
    return {name: values[0] for name, values in fields.items()}


async def _send(send: Send, status: int, body: bytes, kind: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *review_page.HEADERS, *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
