"""The console while what it reads does not answer, hangs, is broken or was never there; and callers that are rude."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from infra.settings import Settings
from orchestration.console import console_app, pages
from orchestration.console.readings import FOREVER_S, Readings
from orchestration.system import Installation
from orchestration.systems.fraud import FRAUD
from orchestration.systems.home_feed import HOME_FEED
from serving.access import bearer
from tests.conftest import free_port
from tests.orchestration.console.stand import Stand, running

EVERYWHERE = ("", "releases", "drift", "decisions", "feed", "feed?user=u1", "why?request=r1")


@pytest.fixture
def down(tmp_path: Path) -> Iterator[httpx.Client]:
    """An operator of a home in which neither Redis nor MLflow nor a service runs, of two systems."""
    nowhere = free_port()
    settings = Settings(
        home=tmp_path, redis_url=f"redis://127.0.0.1:{nowhere}/0", mlflow_uri=f"http://127.0.0.1:{nowhere}",
        service_port=nowhere, console_port=free_port(),
    )  # fmt: skip
    app = console_app([Installation(HOME_FEED, settings), Installation(FRAUD, settings)])
    address = f"http://127.0.0.1:{settings.console_port}"
    with running(app, settings, settings.console_port), httpx.Client(base_url=address, timeout=60) as caller:
        token = bearer(settings, "operate")["authorization"].removeprefix("Bearer ")
        caller.headers["origin"] = address
        assert caller.post("/console/sign-in", data={"token": token}).status_code == 303
        yield caller


def test_every_page_comes_and_says_what_is_missing(down: httpx.Client) -> None:
    for page in EVERYWHERE:
        answer = down.get(f"/console/home_feed/{page}")
        assert answer.status_code == 200, (page, answer.text)
    overview = down.get("/console/home_feed/").text
    assert "the service does not answer" in overview
    assert "Start it with `flywheel up`" in overview
    assert "no release is live yet" in overview
    assert "Redis at" in down.get("/console/home_feed/feed").text
    assert "monitoring has written no report yet" in down.get("/console/home_feed/drift").text
    queue = down.get("/console/fraud/queue")
    assert (queue.status_code, "which does not answer" in queue.text) == (200, True)
    assert down.get("/console/fraud/feed").status_code == 503, "a system that decides cases makes no pages"


def test_a_broken_home_takes_no_page_down(down: httpx.Client, tmp_path: Path) -> None:
    part = tmp_path / "systems" / "home_feed"
    for file in ("reports/watch.json", "reports/trial.json", "machine_decisions.jsonl", "releases/live.json",
                 "releases/history.jsonl"):  # fmt: skip
        (part / file).parent.mkdir(parents=True, exist_ok=True)
        (part / file).write_bytes(b'{"drift": 7, \xff\xfe\n{"at": null}\n')
    (tmp_path / "alerts.jsonl").write_bytes(b'\xff\n{"at": 1e99, "drift": {"deep": [1]}}\nnull\n{"at": "soon"}\n')
    for page in EVERYWHERE:
        assert down.get(f"/console/home_feed/{page}").status_code == 200, page
    assert "watch.json cannot be read" in down.get("/console/home_feed/drift").text


def test_a_page_that_breaks_says_under_which_number_our_log_has_it(
    down: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drawn = pages.page

    def page(template: str, **shown: object) -> str:
        if template == "decisions.html":
            raise ZeroDivisionError("the secret of the house")
        return drawn(template, **shown)

    monkeypatch.setattr(pages, "page", page)
    answer = down.get("/console/home_feed/decisions")
    assert answer.status_code == 500
    number = re.search(r"our log has it under ([0-9a-f]{32})", answer.text)
    assert number
    assert number[1] in caplog.text
    assert "secret" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"
    assert down.get("/console/home_feed/drift").status_code == 200


def test_what_hangs_is_waited_for_once_and_the_last_value_is_shown_meanwhile() -> None:
    hangs, calls = threading.Event(), []

    def read() -> int:
        calls.append(1)
        if len(calls) > 1:
            assert hangs.wait(60)
        return len(calls)

    async def looked() -> None:
        now = [0.0]
        readings = Readings(wait_s=0.01, clock=lambda: now[0])
        while (first := await readings.look("it", read)).value is None:
            continue
        assert first.value == 1
        now[0] = 100.0
        late = await asyncio.gather(*(readings.look("it", read) for _ in range(50)))
        assert {each.value for each in late} == {1}
        assert all("it is still waited for" in each.missing for each in late)
        assert len(calls) == 2, "fifty who look cost no more than one"
        hangs.set()
        while (after := await readings.look("it", read)).missing:
            continue
        assert after.value == 2
        readings.close()

    asyncio.run(looked())


def test_what_was_asked_of_one_person_is_not_kept_and_what_never_changes_is() -> None:
    async def looked() -> list[int]:
        readings, calls = Readings(), list[int]()

        def read() -> int:
            calls.append(1)
            return len(calls)

        counts = [(await readings.look("feed u1", read, 0.0)).value for _ in range(2)]
        counts += [(await readings.look("proof 1", read, FOREVER_S)).value for _ in range(2)]
        readings.forget()
        counts.append((await readings.look("proof 1", read, FOREVER_S)).value)
        readings.close()
        return [count or 0 for count in counts]

    assert asyncio.run(looked()) == [1, 2, 3, 3, 3]


def test_rude_callers_are_cut_off_and_others_are_answered(at: Stand) -> None:
    host, port = at.address.removeprefix("http://").split(":")

    def dial(sent: bytes) -> socket.socket:
        rude = socket.create_connection((host, int(port)), timeout=60)
        rude.sendall(sent)
        return rude

    def answer_to(sent: bytes) -> bytes:
        with closing(dial(sent)) as rude:
            return rude.recv(65_536).split(b"\r\n")[0]

    silent = [dial(b"") for _ in range(20)]
    post = b"POST /console/sign-in HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n"
    post += b"content-type: application/x-www-form-urlencoded\r\n"
    dripping = [dial(post + b"content-length: 100\r\n\r\nto") for _ in range(20)]
    assert b"431" in answer_to(b"GET /console/ HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 70_000 + b"\r\n\r\n")
    many = b"".join(b"x%d: 1\r\n" % i for i in range(300))
    assert b"431" in answer_to(b"GET /console/ HTTP/1.1\r\nhost: localhost\r\n" + many + b"\r\n")
    assert b"400" in answer_to(b"\x16\x03\x01 hello\r\n\r\n")
    assert answer_to(post + b"content-length: 9999999\r\n\r\n")[9:12] in {b"413", b"408"}, "too long, and too slow"
    assert httpx.get(f"{at.address}/console/home_feed/", timeout=60).status_code == 200
    for rude in (*silent, *dripping):
        rude.settimeout(60)
        assert rude.recv(65_536)[:13] in {b"", b"HTTP/1.1 408 "}, "after three seconds their time is over"
        rude.close()


def test_under_load_every_page_comes(at: Stand) -> None:
    with httpx.Client(base_url=at.address, timeout=120) as caller, ThreadPoolExecutor(16) as many:
        pages = [f"/console/home_feed/{page}" for page in ("", "releases", "drift", "decisions")] * 20
        statuses = list(many.map(lambda page: caller.get(page).status_code, pages))
    assert set(statuses) == {200}
