"""Who asks for a page, and what they may: by the session of their cookie, or because this machine is theirs."""

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.requests import Request

from orchestration.console.sessions import Session, Sessions
from serving.access import RefusedError, Role, Roles
from serving.guard import Guard

COOKIE, PATH = "flywheel_console", "/console"
OURS = ("localhost", "127.0.0.1", "::1")
SAME = {b"same-origin", b"none"}  # of Sec-Fetch-Site: another page of ours, or the address bar
NOBODY: Roles = frozenset()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, with their session where they are signed in."""

    roles: Roles
    session: Session | None = None

    @property
    def may_operate(self) -> bool:
        """Whether they may move releases and look at people's pages."""
        return self.session is not None and "operate" in self.roles

    def must_operate(self) -> Session:
        """Their session; raises RefusedError for whoever may only look."""
        if self.session is None:
            raise RefusedError(401, "sign in with a token of role `operate`: the session has ended, or never began")
        if "operate" not in self.roles:
            raise RefusedError(403, f"this needs the role `operate`; this session is {self.session.name}")
        return self.session


class Visitors:
    """Tells who asks."""

    def __init__(self, guard: Guard, sessions: Sessions) -> None:
        self._guard, self.sessions = guard, sessions

    def visitor(self, request: Request) -> Visitor:
        """Who asks for a page. Raises RefusedError for whoever may not look."""
        _must_be_named_as_ours(request)
        headers, reached = dict(request.scope["headers"]), (request.scope.get("server") or ("",))[0] or ""
        session = self.sessions.find(_cookie(request))
        if session is not None:
            try:
                return Visitor(self._roles(session.token, reached), session)
            except RefusedError:  # its token was taken out of the keyring
                self.sessions.end(session.key)
        headers.pop(b"authorization", None)  # a page is for people: tokens come by the form
        return Visitor(self._guard.access.check(headers, "observe", reached))

    def sign_in(self, token: str) -> Session:
        """A session for who shows a token that may look at least; raises RefusedError for any other."""
        roles = self._roles(token, "")
        role: Role = "operate" if "operate" in roles else "observe"
        return self.sessions.begin(token, role)

    def _roles(self, token: str, reached: str) -> Roles:
        return self._guard.access.check(
            {b"authorization": b"Bearer " + token.encode("latin-1", "replace")}, "observe", reached
        )


def must_be_sent_by_us(request: Request) -> None:
    """Raise RefusedError for a form that another site's page sent, or no page at all."""
    _must_be_named_as_ours(request)
    headers = dict(request.scope["headers"])
    origin, host = headers.get(b"origin", b"").decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
    if urlsplit(origin).netloc != host or not origin or headers.get(b"sec-fetch-site", b"none") not in SAME:
        raise RefusedError(
            403, "this form was not sent by a page of this console: open the page here and send it again"
        )


def _must_be_named_as_ours(request: Request) -> None:
    """Raise RefusedError where a name of somebody else was made to lead here."""
    host = dict(request.scope["headers"]).get(b"host", b"").decode("latin-1")
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        name = None
    if name not in OURS:
        raise RefusedError(421, "this console answers to `localhost` and `127.0.0.1` only")


def _cookie(request: Request) -> str:
    try:
        cookie = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookie[COOKIE].value if COOKIE in cookie else ""
