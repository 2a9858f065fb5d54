"""A release in the shadow: it answers nobody, leaves no trace but its log, and gives way to answers."""

import gc
import json
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving import metrics
from serving.definition import ShadowValues
from serving.feedback import DecisionLog
from serving.shadow import Shadow, ShadowRow
from tests.serving.caller import Client
from tests.serving.conftest import PATIENT, World
from tests.serving.test_trial import USUAL, look, published

ROW = ShadowRow("00000000", "2026-05-03T12:00:00Z", "u1", "1", "2", 3, 0.5)
OFTEN = ShadowValues(a_second=1e9, waiting=1000)


@pytest.fixture
def world(lasting_world: World) -> World:
    """Release 1 answers; release 2 is in the shadow, and would rather show what is new."""
    for version, favourite, kind in (("1", "video_long_view_1d", "xgboost"), ("2", "video_age", "column")):
        if not (lasting_world.registry / version).exists():
            published(lasting_world, version, USUAL, favourite, kind)
    lasting_world.challenge("1", "2", 0)
    return lasting_world


@pytest.fixture
def client(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    with Client(world, served=PATIENT) as started:
        started._runner.run(started.online.releases.stop())
        look(started)
        for name, value in (("_values", OFTEN), ("_busy", lambda: False)):  # on a machine of any speed
            monkeypatch.setattr(started.online.shadow, name, value)
        yield started


def counted(outcome: str) -> float:
    metrics.Tally.flush()
    return float(metrics.SHADOW.labels(outcome)._value.get())


def log_of(world: World, client: Client) -> list[dict[str, Any]]:
    """What was written, once the thread has done what it took."""
    client.online.shadow.stop()
    return [json.loads(line) for path in (world.settings.serving / "shadow").glob("*.jsonl") for line in path.open()]


def test_what_it_would_have_done_is_in_the_log_and_nobody_gets_it(client: Client, world: World) -> None:
    answers = [client.feed(user_id=f"s{i}", preview=False) for i in range(3)]
    ranked = client.send("POST", "/v1/rank", json={"user_id": "s9", "video_ids": ["v3", "v40", "v55"]}).json()
    assert {(a["variant"], a["release"]) for a in [*answers, ranked]} == {("champion", "1")}
    rows = {row["request_id"]: row for row in log_of(world, client)}
    assert rows.keys() >= {answer["request_id"] for answer in answers}
    row = rows[answers[0]["request_id"]]
    assert list(row) == [
        "request_id", "at", "asker", "champion", "challenger", "count", "champion_ms", "rank_agreement", "score_shift",
        "changed", "challenger_ms", "error",
    ]  # fmt: skip
    assert (row["asker"], row["champion"], row["challenger"], row["error"]) == ("s0", "1", "2", None)
    assert row["count"] > 20
    assert -1 <= row["rank_agreement"] < 0.9
    assert row["changed"] is True
    assert row["champion_ms"] > 0 < row["challenger_ms"]
    mine = rows[ranked["request_id"]]
    assert (mine["count"], mine["rank_agreement"], mine["changed"]) == (3, -1.0, True), "the oldest are watched most"


def test_the_same_model_in_the_shadow_agrees_to_the_bit(client: Client, world: World) -> None:
    published(world, "3", USUAL, kind="xgboost")
    world.challenge("1", "3", 0)
    look(client)
    answer = client.feed(user_id="same", preview=False)
    [row] = [row for row in log_of(world, client) if row["request_id"] == answer["request_id"]]
    assert (row["rank_agreement"], row["score_shift"], row["changed"]) == (1.0, 0.0, False)


def test_it_leaves_no_trace_of_its_own(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(client.online.link, "tell", lambda *commands: told.append(commands))
    shown = client.online.ladder._feed._shown
    page = client.feed(user_id="trace", preview=False)
    client.online.shadow.stop()
    assert len(told) == 1, "the champion's page, remembered once"
    assert len(shown.to("trace", client.online.clock.now())) == len(page["items"])


def test_previews_and_other_variants_are_not_scored_again(client: Client, world: World) -> None:
    client.feed(user_id="preview")
    world.challenge("1", "2", 100)
    look(client)
    tried = client.feed(user_id="drawn", preview=False)
    askers = {row["asker"] for row in log_of(world, client)}
    assert tried["variant"] == "challenger"
    assert not askers & {"preview", "drawn"}


def test_what_fails_in_the_shadow_is_a_row_with_its_error(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Any) -> Any:
        raise ZeroDivisionError("no number")

    monkeypatch.setattr(type(client.online.releases.trial.release.scorer), "score", lambda own, rows: broken(rows))
    before = counted("failed")
    answer = client.feed(user_id="fails", preview=False)
    assert (answer["served_by"], answer["reason"]) == ("full", None)
    [row] = [row for row in log_of(world, client) if row["request_id"] == answer["request_id"]]
    assert (row["error"], row["rank_agreement"]) == ("ZeroDivisionError: no number", None)
    assert counted("failed") == before + 1


@pytest.fixture
def written(tmp_path: Path) -> DecisionLog:
    return DecisionLog(tmp_path / "shadow", lambda: 0.0)


def test_while_answers_are_made_work_is_dropped_also_what_has_begun(written: DecisionLog) -> None:
    busy, begun, go_on = [False], threading.Event(), threading.Event()
    shadow = Shadow(written, OFTEN, lambda: busy[0])

    def slow(look: Any) -> ShadowRow:
        begun.set()
        go_on.wait(60)
        look()
        return ROW

    before = counted("dropped_busy"), counted("scored")
    shadow.start()
    shadow.offer("00000000", slow)
    assert begun.wait(60)
    busy[0] = True
    shadow.offer("00000000", lambda _: ROW)
    go_on.set()
    shadow.stop()
    assert (counted("dropped_busy"), counted("scored")) == (before[0] + 2, before[1])


def test_it_takes_so_many_a_second_and_lets_so_many_wait(written: DecisionLog) -> None:
    before = {why: counted(f"dropped_{why}") for why in ("rate", "full")}
    for values, why in ((ShadowValues(a_second=1e-3), "rate"), (ShadowValues(a_second=1e9, waiting=1), "full")):
        shadow = Shadow(written, values, lambda: False)  # nothing is taken out before it starts
        for _ in range(3):
            shadow.offer("00000000", lambda _: ROW)
        assert counted(f"dropped_{why}") == before[why] + 2


def test_a_share_of_the_answers_is_offered(written: DecisionLog) -> None:
    shadow = Shadow(written, ShadowValues(share=0.25, a_second=1e9, waiting=1000), lambda: False)
    for i in range(64):
        shadow.offer(f"{i * (1 << 26):08x}", lambda _: ROW)
    assert shadow._waiting.qsize() == 16


def test_a_row_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    shadow = Shadow(DecisionLog(tmp_path / "shadow", lambda: 1.0), OFTEN, lambda: False)
    shadow.start()
    failed = counted("failed")
    shadow.offer("00000000", lambda look: ROW.but(asker="\ud800"))
    shadow.offer("00000000", lambda look: ROW.but(asker="u2"))
    shadow.stop()
    assert [json.loads(line)["asker"] for path in (tmp_path / "shadow").glob("*") for line in path.open()] == ["u2"]
    assert counted("failed") == failed + 1


def test_a_release_whose_trial_has_ended_leaves_the_memory(client: Client, world: World) -> None:
    client.feed(user_id="s1", preview=False)
    trial = client.online.releases.trial
    assert trial is not None
    release = weakref.ref(trial.release.scorer)
    del trial
    world.promote("1")
    look(client)
    client.feed(user_id="s2", preview=False)
    client.online.shadow.stop()
    gc.collect()
    assert release() is None
