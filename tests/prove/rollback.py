"""A rollback under load: every worker serves the previous release within seconds, to the byte, and no request fails."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from infra import loops, redis_server
from infra.manifest import read_manifest
from infra.release_format import SIGNATURE, read_golden_rows
from infra.settings import Settings
from orchestration.client import served_releases
from serving.access import bearer
from serving.launch import started
from serving.model.scorer import load_scorer
from tests.conftest import free_port
from tests.prove.section import Proof, Section
from tests.prove.two_releases import ALIKE, Tried, two_releases
from tests.serving.conftest import NOW, World
from tests.waiting import until

WITHIN_S = 5.0
TIMES = 10
CALLERS = 4
SYSTEMS = ("home_feed", "fraud")
PAUSE_S = 0.02


@dataclass
class Asked:
    """What came of the requests: when each was answered, by which release, and what failed."""

    answers: list[tuple[float, str | None]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def last_of(self, version: str) -> float:
        """When a release answered last."""
        return max((at for at, release in self.answers if release == version), default=0.0)


@dataclass(frozen=True)
class RolledBack:
    """One rollback: seconds from the command until every worker served the previous release, and until the last answer
    by the one that was taken back."""

    every_worker_s: float
    last_answer_s: float


@contextmanager
def asked(at: Tried, callers: int = CALLERS) -> Iterator[Asked]:
    """While the block runs, callers ask all the time, each time over a new connection, so that all workers answer."""
    seen, over = Asked(), threading.Event()
    url = f"http://{at.settings.service_host}:{at.settings.service_port}{at.path}"

    def call() -> None:
        while not over.is_set():
            try:
                answer = httpx.post(url, json=dict(at.request), headers=bearer(at.settings, "operate"), timeout=60)
                if answer.status_code != 200:
                    seen.failed.append(f"{answer.status_code} {answer.text[:100]}")
                else:
                    seen.answers.append((time.monotonic(), answer.json()["release"]))
            except httpx.HTTPError as error:
                seen.failed.append(repr(error))
            over.wait(PAUSE_S)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def rolled_back(at: Tried, seen: Asked) -> RolledBack:
    """Roll back while requests come, wait until every worker follows, and promote release 2 again."""
    until(lambda: served_releases(at.settings) == {"2"})
    began = time.monotonic()
    at.registry.rollback("proof", "to be measured", NOW)
    until(lambda: served_releases(at.settings) == {"1"})
    followed = time.monotonic() - began
    answers = len(seen.answers)
    until(lambda: len(seen.answers) > answers + 2 * CALLERS)  # those that were on their way are back
    last = seen.last_of("2")
    at.registry.promote("2", who="proof", why=f"measured {began}", at=NOW)
    return RolledBack(followed, max(last - began, 0.0))


@contextmanager
def served(system: str, folder: Path) -> Iterator[Tried]:
    """The service of a system, two workers, with release 2 live and 1 before it."""
    port = free_port()
    home = Settings(
        home=folder / "home", system=system, redis_url=f"redis://127.0.0.1:{free_port()}/0", service_port=port,
        service_workers=2, replay_from=NOW,
    )  # fmt: skip
    with ExitStack() as life:
        life.enter_context(redis_server.running(home.redis_url, folder / "redis"))
        if system == "home_feed":
            World(home).fill()
        at = two_releases(system, home, folder / "drafts")
        loops.prepare()
        life.enter_context(started(at.settings))
        yield at


def differing(at: Tried, version: str) -> list[str]:
    """Files of a release that are not where the service loaded it from, or not as they were built, byte for byte."""
    draft = at.drafts[version]
    (loaded,) = [
        path.parent
        for path in (at.settings.serving / "releases").glob("*/manifest.json")
        if read_manifest(path.parent).version == version
    ]
    names = {path.relative_to(draft) for path in draft.rglob("*") if path.is_file()}
    there = {path.relative_to(loaded) for path in loaded.rglob("*") if path.is_file()}
    assert there - {Path(SIGNATURE)} == names, "the registry adds its signature, and nothing else"
    differs = [str(name) for name in names if (loaded / name).read_bytes() != (draft / name).read_bytes()]
    return sorted([*differs, *([] if _scores(loaded) == _scores(draft) else ["scores of the golden rows"])])


def apart(at: Tried) -> list[str]:
    """The files that the two releases have in common, and that are to differ but do not."""
    names = {path.relative_to(at.drafts["1"]) for path in at.drafts["1"].rglob("*") if path.is_file()}
    same = [str(n) for n in names if (at.drafts["1"] / n).read_bytes() == (at.drafts["2"] / n).read_bytes()]
    return sorted({*same} - ALIKE)


def _scores(folder: Path) -> bytes:
    rows, _ = read_golden_rows(folder)
    scorer = load_scorer(read_manifest(folder).kind, folder)
    return scorer.score(np.ascontiguousarray(rows, dtype=np.float32)).tobytes()


def measure(folder: Path) -> Proof:
    """Rollbacks of a real service with two workers, of the feed and of fraud."""
    lines, passed = [], True
    for system in SYSTEMS:
        with served(system, folder / system) as at, asked(at) as seen:
            each = [rolled_back(at, seen) for _ in range(TIMES)]
            until(lambda at=at: served_releases(at.settings) == {"2"})
            at.registry.rollback("proof", "to be compared", NOW)
            until(lambda at=at: served_releases(at.settings) == {"1"})
            files = differing(at, "1")
        passed = passed and not files and not seen.failed and not apart(at) and _in_time(each)
        lines.append(_line(system, at, each, seen, files))
    return Proof("\n".join(lines), passed)


def _in_time(each: Sequence[RolledBack]) -> bool:
    return bool(each) and max(max(one.every_worker_s, one.last_answer_s) for one in each) <= WITHIN_S


def _line(system: str, at: Tried, each: Sequence[RolledBack], seen: Asked, files: Sequence[str]) -> str:
    slowest, last = max(one.every_worker_s for one in each), max(one.last_answer_s for one in each)
    count = len([path for path in at.drafts["1"].rglob("*") if path.is_file()])
    differ = f": {', '.join(files)}" if files else ""
    return (
        f"- `{system}`: {len(each)} rollbacks of a service with two workers, {CALLERS} callers asking all the time. "
        f"Every worker served the previous release after at most {slowest:.1f} s, and the last answer by the one that "
        f"was taken back came {last:.1f} s after the command (limit {WITHIN_S:g} s). {len(seen.answers):,} answers, "
        f"{len(seen.failed)} requests failed. Of the {count} files that the service had loaded then, {len(files)} "
        f"differed from those that were built, the scores of the golden rows compared to the byte{differ}."
    )


ROLLBACK = Section("rollback", "A rollback takes everything back, within seconds, under load", measure)
