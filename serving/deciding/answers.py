"""What was answered lately, by the cases' keys: a case that is sent again gets the same answer and is logged once.

Redis remembers for all workers: the first to ask for a key claims it in the same step, with a digest of what was given.
This process remembers its own answers without Redis, and lets a request wait for the one of the same case before it.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from feature_repo.records import joined
from serving.access import RefusedError
from serving.asker import Command, Link

REMEMBERED = 20_000  # answers of this process, about 20 MiB; the oldest is forgotten
DIGEST = 8  # bytes
LOOK_S = 0.003  # between two looks at what another worker answers to the same case


@dataclass(frozen=True, slots=True)
class Earlier:
    """What Redis says of a case: `answer` was given, or another worker is at it, or neither: then it is ours."""

    answer: bytes | None
    claimed: bool


@dataclass(frozen=True, slots=True)
class _Own:
    """An answer of this process, or one that is being made; remembered until a moment of the loop's clock."""

    digest: bytes
    answer: bytes | asyncio.Future[bytes]
    until: float = 0.0


class Answers:
    """The answers of one system. Raises RefusedError for a key that was decided with other values."""

    def __init__(self, project: str, key: str, seconds: float, link: Link) -> None:
        self._prefix, self._key, self._link = f"fw:{project}!answer:", key, link
        self._seconds = max(1, int(seconds))  # Redis knows no shorter time
        self._own: OrderedDict[str, _Own] = OrderedDict()

    async def own(self, key: str, digest: bytes) -> bytes | None:
        """This process' answer to the same case, waited for where it is being made; None where there is none."""
        known = self._own.get(key)
        if known is None or (isinstance(known.answer, bytes) and known.until < asyncio.get_running_loop().time()):
            return None
        self._must_agree(key, digest, known.digest)
        return known.answer if isinstance(known.answer, bytes) else await asyncio.shield(known.answer)

    def begin(self, key: str, digest: bytes) -> None:
        """Note that this process answers a case now."""
        self._own[key] = _Own(digest, asyncio.get_running_loop().create_future())
        self._own.move_to_end(key)
        while len(self._own) > REMEMBERED:
            self._own.popitem(last=False)

    def claim(self, key: str, digest: bytes) -> Command:
        """The command that claims a case, and replies with what was there before."""
        return ("SET", self._prefix + joined((key,)), digest, "NX", "GET", "EX", self._seconds)

    def earlier(self, key: str, digest: bytes, reply: Any) -> Earlier:
        """What the reply to that command says."""
        if not isinstance(reply, bytes) or len(reply) < DIGEST:
            return Earlier(None, claimed=False)
        self._must_agree(key, digest, reply[:DIGEST])
        return Earlier(reply[DIGEST:] or None, claimed=True)

    async def of_another_worker(self, key: str, seconds: float) -> bytes | None:
        """What another worker answers to the same case, if it does so within some seconds."""
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(LOOK_S)
            (reply,) = await self._link.ask(("GET", self._prefix + joined((key,))))
            if isinstance(reply, bytes) and len(reply) > DIGEST:
                return reply[DIGEST:]
        return None

    def remember(self, key: str, digest: bytes, answer: bytes) -> Command:
        """Note an answer here, wake those who wait for it, and return the command that notes it in Redis."""
        waiting = self._own.get(key)
        self._own[key] = _Own(digest, answer, asyncio.get_running_loop().time() + self._seconds)
        if waiting is not None and isinstance(waiting.answer, asyncio.Future) and not waiting.answer.done():
            waiting.answer.set_result(answer)
        return ("SET", self._prefix + joined((key,)), digest + answer, "EX", self._seconds)

    def give_up(self, key: str) -> None:
        """Forget a case that this process could not answer; those who wait for it are told so."""
        waiting = self._own.pop(key, None)
        if waiting is not None and isinstance(waiting.answer, asyncio.Future) and not waiting.answer.done():
            failed = RefusedError(409, "the same case was asked before, and that failed: ask again")
            waiting.answer.set_exception(failed)
            waiting.answer.exception()  # nobody may wait

    def _must_agree(self, key: str, digest: bytes, known: bytes) -> None:
        if digest != known:
            raise RefusedError(
                409, f"`{self._key}` {key[:40]} was decided with other values: send the same again, or another key"
            )


def digest_of(written: bytes) -> bytes:
    """The digest of what a request gives."""
    return blake2b(written, digest_size=DIGEST).digest()
