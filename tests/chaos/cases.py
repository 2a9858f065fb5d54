"""Faults done to a service that decides cases: the same as to a feed's, where both lean on the same thing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Self

import numpy as np

from infra.settings import Settings
from serving.access.keyring import bearer
from serving.deciding import FULL, STALE
from tests.bench.cases import stand
from tests.bench.cases.serving import NAME, POLICY
from tests.bench.cases.system import PATH
from tests.bench.open_loop import Plan, Seconds
from tests.bench.stand import free_port
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.proxy import FaultProxy
from tests.chaos.stage import Stage

RUNGS = {
    "Redis takes requests and never answers": frozenset({"no_state"}),
    "Redis is down": frozenset({"no_state"}),
    "the disk under the logs is full": frozenset({FULL}),
    "a worker is killed": frozenset({FULL}),
    "the pointer to the live release is torn": frozenset({STALE}),
}
CASE_FAULTS: tuple[Fault, ...] = tuple(
    replace(fault, rungs=RUNGS[fault.name]) for fault in FAULTS if fault.name in RUNGS
)


class CaseStage(Stage):
    """One installation of payments, entered ready to decide by release 1."""

    def __enter__(self) -> Self:
        """Everything is made and started."""
        self._numbers: Iterator[int] = count()
        self.start_redis()
        self.fill()
        self.proxy = self._servers.enter_context(FaultProxy(self._redis_port, free_port()))
        self.settings = Settings(
            home=self.home, redis_url=f"redis://127.0.0.1:{self.proxy.port}/0", service_port=free_port(),
            hand_over_s=5.0, system=NAME, systems={NAME: PATH},
        )  # fmt: skip
        stand.release(self.settings, trees=20)
        self.start_service()
        return self

    @property
    def ineligible(self) -> frozenset[str]:
        """Nothing is shown here."""
        return frozenset()

    def fill(self) -> None:
        """Put every state into Redis."""
        stand.fill(Settings(home=self.home, redis_url=self.redis_url))

    def plan(self, at: Seconds, seed: int) -> Plan:
        """Requests for decisions, each of a new payment."""
        headers = {"content-type": "application/json", **bearer(self.settings, "decide")}
        numbers = np.random.default_rng(seed).permutation([next(self._numbers) for _ in at])
        bodies = tuple(json.dumps(stand.payment(number)).encode() for number in numbers.tolist())
        return Plan("127.0.0.1", self.settings.service_port, "/v1/decide", at, bodies, headers, late_ms=50.0)


def decided(_: frozenset[str], status: int, body: bytes) -> tuple[bool, str]:
    """Whether an answer is a decision, and the rung it came from, or what is wrong with it."""
    if status == 0 or status >= 500:
        return False, "error"
    if status != 200:
        return False, "invalid"
    answer = json.loads(body)
    return (True, str(answer["served_by"])) if answer["action"] in POLICY.actions else (False, "invalid")
