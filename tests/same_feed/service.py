"""Asks the service in this process, with the clock stopped and every request id given: the same pages each time.

python -m tests.same_feed.service ASKED ANSWERED

ASKED is a JSON list of {route, body, request_id, role, token_of}; ANSWERED becomes one of {status, body}. `token_of`
is the place of the answer to whose videos the events of a body belong, null for none. The installation is that of the
environment (FLYWHEEL_HOME, FLYWHEEL_REPLAY_FROM), whose bearer tokens are in SAME_FEED_TOKENS as JSON, by role.

What is changed here is Python's own, before the service is imported, so that it holds wherever the service's code is:
- time.time stands still, so that now is FLYWHEEL_REPLAY_FROM for every request;
- time.perf_counter stands still, so that no stage of a request is ever late;
- a timer of less than 0.2 s is 20 times as long, so that a busy machine does not make Redis look slow;
- secrets.token_hex(16) gives the request id that ASKED says, which is also the seed of exploration;
- redis.Redis.scan_iter gives keys in order: a Redis server has another order each time that it starts.
"""

import asyncio
import importlib
import json
import os
import secrets
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import redis

ROOT = Path(__file__).parents[2]
LOOKED_FOR_S = 120.0
SETTLED_S = 2.5  # two looks of the service's background at the states that it follows, and pools made of them
SHORT_S, LONGER = 0.2, 20.0
_ids: list[str] = []


class PatientLoop(asyncio.SelectorEventLoop):
    """An event loop whose short timers are long."""

    def call_later(self, delay: float, *how: Any, **more: Any) -> asyncio.TimerHandle:  # type: ignore[override]
        """As asyncio's, but later."""
        return super().call_later(delay * LONGER if delay < SHORT_S else delay, *how, **more)


def stop_the_clock() -> None:
    """Change what the docstring above says."""
    stands, drawn, scanned = float(int(time.time())), secrets.token_hex, redis.Redis.scan_iter

    def in_order(client: Any, *how: Any, **more: Any) -> Iterator[Any]:
        return iter(sorted(set(scanned(client, *how, **more))))

    time.time = lambda: stands
    time.perf_counter = lambda: 0.0
    secrets.token_hex = lambda nbytes=None: _ids.pop() if nbytes == 16 and _ids else drawn(nbytes)
    redis.Redis.scan_iter = in_order  # type: ignore[method-assign, assignment]


def app() -> Any:
    """The ASGI app of the service that `bentoml build` is told to build."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["bentoml"]["build"]["service"]
    module, _, name = named.partition(":")
    return getattr(importlib.import_module(module), name).to_asgi()


@asynccontextmanager
async def alive(served: Any) -> Any:
    """The app from its start to its end, as a server would have it."""
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    life = asyncio.create_task(served(scope, told.get, said.put))
    for phase in ("startup", "shutdown"):
        await told.put({"type": f"lifespan.{phase}"})
        answer = await said.get()
        if answer["type"] != f"lifespan.{phase}.complete":
            raise RuntimeError(f"the service's {phase} failed: {answer}")
        if phase == "startup":
            yield
    await life


async def settled(client: httpx.AsyncClient, preview: dict[str, Any]) -> None:
    """Return once a preview is answered by the release, and the background has had its turns."""
    until = time.monotonic() + LOOKED_FOR_S
    while True:
        answer = (await client.post("/v1/feed", json=preview)).json()
        if answer.get("served_by") == "full":
            break
        if time.monotonic() > until:
            raise RuntimeError(f"the service does not answer by its release: {answer}")
        await asyncio.sleep(0.3)
    await asyncio.sleep(SETTLED_S)


async def answered(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answer to each request, one after the other."""
    served = app()
    answers: list[dict[str, Any]] = []
    async with alive(served):
        bearers = json.loads(os.environ["SAME_FEED_TOKENS"])
        where = httpx.ASGITransport(served)
        async with httpx.AsyncClient(transport=where, base_url="http://127.0.0.1") as client:
            first = next(one["body"] for one in asked if one["route"] == "/v1/feed")
            client.headers["authorization"] = f"Bearer {bearers['rank']}"
            await settled(client, {**first, "preview": True})
            for one in asked:
                client.headers["authorization"] = f"Bearer {bearers[one['role']]}"
                body = one["body"]
                if one["token_of"] is not None:
                    body = {"events": attributed(body["events"], answers[one["token_of"]]["body"])}
                _ids[:] = [one["request_id"]]
                answer = await client.post(one["route"], json=body)
                await asyncio.sleep(0)  # pages are noted for the decision log after they are answered
                answers.append({"status": answer.status_code, "body": answer.json()})
    return answers


def attributed(events: list[dict[str, Any]], page: dict[str, Any]) -> list[dict[str, Any]]:
    """Events at places of a page as events on its videos, with its token."""
    shown = [item["video_id"] for item in page["items"]]
    return [
        {name: value for name, value in event.items() if name != "place"}
        | {"video_id": shown[event["place"]], "token": page["token"]}
        for event in events
    ]


def main() -> int:
    """Read what is asked, write what is answered."""
    asked, target = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    stop_the_clock()
    with asyncio.Runner(loop_factory=PatientLoop) as runner:
        target.write_text(json.dumps(runner.run(answered(asked))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
