"""Who is signed in: sessions in memory, which end after a rest, after a working day, and with this process."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

IDLE_S = 30 * 60.0
LONGEST_S = 8 * 3600.0
MOST = 500  # at a time: one more ends the session that has rested longest


@dataclass(slots=True)
class Session:
    """One sign-in.

    token  the bearer token that was shown: it has to be in the keyring still, at every request
    name   by which moves are recorded: the token's first role, and the beginning of its hash
    proof  what a form of this session carries; pages of others cannot know it
    says   what the next page says once, such as that a move was made
    """

    token: str
    name: str
    began: float
    used: float
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    proof: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    says: str = ""

    def ends_in(self, now: float) -> float:
        """How many seconds are left, if nothing is done."""
        return min(self.used + IDLE_S, self.began + LONGEST_S) - now

    def proves(self, sent: str) -> bool:
        """Whether a form comes from a page of this session."""
        return secrets.compare_digest(sent.encode(), self.proof.encode())

    def said(self) -> str:
        """What is to be said, once."""
        says, self.says = self.says, ""
        return says


class Sessions:
    """All sign-ins of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._sessions = clock, dict[str, Session]()

    def begin(self, token: str, role: str) -> Session:
        """A new session, for somebody who has shown a token of that role."""
        now = self._clock()
        self._drop(now)
        session = Session(token, token_name(token, role), now, now)
        self._sessions[session.key] = session
        return session

    def find(self, key: str) -> Session | None:
        """The session of a cookie, which is used now; None where it has ended or never was."""
        now, session = self._clock(), self._sessions.get(key)
        if session is None or session.ends_in(now) <= 0:
            self._sessions.pop(key, None)
            return None
        session.used = now
        return session

    def left_s(self, session: Session) -> float:
        """How many seconds a session has left, if nothing is done."""
        return session.ends_in(self._clock())

    def end(self, key: str) -> None:
        """Sign out."""
        self._sessions.pop(key, None)

    def _drop(self, now: float) -> None:
        for key in [key for key, session in self._sessions.items() if session.ends_in(now) <= 0]:
            del self._sessions[key]
        while len(self._sessions) >= MOST:
            del self._sessions[min(self._sessions.values(), key=lambda each: each.used).key]


def token_name(token: str, role: str) -> str:
    """By what a token's holder is named in histories: the token itself cannot be made from it."""
    return f"{role}-{sha256(token.encode()).hexdigest()[:8]}"
