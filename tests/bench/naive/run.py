"""The naive stack, started beside ours and measured the same way."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from infra.patience import Process, Waiting, wait_until_ready
from infra.processes import end, killed_with_this_process
from tests.bench import costs
from tests.bench.examples import examples
from tests.bench.judges import LIMIT
from tests.bench.measured_release import MEASURED
from tests.bench.naive import store
from tests.bench.open_loop import Plan, drive_noted, steady
from tests.bench.stand import Stand, free_port

CHECKOUT = Path(__file__).parents[3]
USERS, VIDEOS = 2000, 4000  # in its favour: a read costs Redis the same whatever else is there
RATE = 4.0  # a second: well below what one core can do


class NaivePage(msgspec.Struct):
    """Its answer."""

    items: list[Any]
    scored: int


_decode = msgspec.json.Decoder(NaivePage).decode


def judge(status: int, body: bytes) -> tuple[bool, str]:
    """Valid when the best of the candidates came back; counted by how many were scored."""
    if status != 200:
        return False, str(status)
    page = _decode(body)
    return len(page.items) == LIMIT, str(page.scored)


def measured(stand: Stand, candidates: int, requests: int) -> dict[str, Any]:
    """CPU and latency of the naive stack, in the same run, on the same Redis server and with the same trees."""
    folder = stand.settings.home / "naive"
    folder.mkdir()
    _prepare(stand, folder)
    port = free_port()
    with serving_naive(folder, port, {"NAIVE_CANDIDATES": str(candidates)}) as pid:
        bodies = tuple(
            msgspec.json.encode({"user_id": f"u{i:06d}", "limit": LIMIT})
            for i in range(min(USERS, stand.catalogue.scale.users))
        )
        plan = Plan("127.0.0.1", port, "/v1/feed", steady(RATE, max(1.0, requests / 10 / RATE)), bodies, patience_s=30)
        drive_noted(plan, judge)
        plan = Plan("127.0.0.1", port, "/v1/feed", steady(RATE, requests / RATE), bodies, patience_s=30)
        before, redis = costs.cpu_s(pid), stand.spent().redis
        done, late = drive_noted(plan, judge)
        spent, redis = costs.cpu_s(pid) - before, stand.spent().redis - redis
    complete = done.counts() == {str(candidates): len(plan.at)}
    noted = "; ".join(filter(None, [late, None if complete else f"answers by candidates scored: {done.counts()}"]))
    return {
        **({"noted": noted} if noted else {}),
        "requests": len(plan.at),
        "offered_per_s": RATE,
        "cpu_ms": round(spent / len(plan.at) * 1000, 2),
        "redis_cpu_ms": round(redis / len(plan.at) * 1000, 3),
        "latency_ms": {level: round(value, 1) for level, value in done.percentiles().items()},
        "candidates_scored": candidates,
    }


def _prepare(stand: Stand, folder: Path) -> None:
    names = stand.catalogue.names
    matrix, _ = examples(stand.catalogue, MEASURED.features)
    release = stand.settings.releases / "1"
    (folder / "model.ubj").write_bytes((release / "model.ubj").read_bytes())
    address = stand.settings.redis_url.removeprefix("redis://").partition("/")[0]
    columns = [feature.name for feature in MEASURED.features]
    users, videos = names["user_id"][:USERS].tolist(), names["video_id"][:VIDEOS].tolist()
    store.fill(folder, f"{address},db=1", columns, matrix, users, videos)


@contextmanager
def serving_naive(
    folder: Path, port: int, more: Mapping[str, str], target: str = "tests.bench.naive.service:NaiveFeed"
) -> Iterator[int]:
    """The process of a naive stack that is ready; it is stopped on leaving."""
    env = {
        **os.environ, "NAIVE_FOLDER": str(folder), "NAIVE_PORT": str(port), **more,
        "BENTOML_HOME": str(folder / "bentoml"),
    }  # fmt: skip
    command = [sys.executable, "-m", "bentoml", "serve", target]
    with (folder / "service.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=CHECKOUT, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        with killed_with_this_process(process):
            _await(port, process, folder)
            yield process.pid
    finally:
        end(process)


def _await(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    def is_ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10):
                return True
        except OSError:
            return False

    wait_until_ready(Waiting("the naive stack", Process(process.pid, folder / "service.log")), is_ready, process.poll)
