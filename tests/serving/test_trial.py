"""A release on trial beside the champion: who gets it, that they keep it, and that it costs nobody an answer."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

from serving import metrics
from serving.assignment import CHALLENGER, CHAMPION, HOLDBACK, LOWEST, Shares, variant_of
from serving.definition import BreakerValues, Policy
from serving.policy_json import to_json
from tests.serving.caller import Client
from tests.serving.conftest import EXPECTED, PATIENT, POLICY, World

IN_NO_HURRY = dict.fromkeys(("request_ms", "unscored_ms", "refuse_ms"), 600_000.0)  # on a machine of any speed
LIMITS = msgspec.structs.replace(EXPECTED, **IN_NO_HURRY)
USUAL = Policy(POLICY.service, msgspec.structs.replace(POLICY.release, limits=LIMITS))
USERS = [f"asker{i}" for i in range(200)]


@pytest.fixture
def world(lasting_world: World) -> World:
    """Release 1 likes what is watched, release 2 what is new."""
    for version, favourite, kind in (("1", "video_long_view_1d", "xgboost"), ("2", "video_age", "column")):
        if not (lasting_world.registry / version).exists():
            published(lasting_world, version, USUAL, favourite, kind)
    lasting_world.challenge("1", "2", 50)
    return lasting_world


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    """An app that looks at the pointer only when it is told to."""
    with Client(world, served=PATIENT) as started:
        started._runner.run(started.online.releases.stop())
        look(started)
        yield started


def look(client: Client) -> None:
    """One look at the pointer, and what follows from it."""
    releases = client.online.releases
    client._runner.run(releases._follow())
    client._runner.run(releases.challenger.follow())


def drawn(salt: str = "trial", share: float = 0.5, **apart: float) -> dict[str, str]:
    return {user: variant_of(Shares(challenger=share, salt=salt, **apart), user) for user in USERS}


def one_of(variant: str, place: int = 0) -> str:
    return [user for user, drew in drawn().items() if drew == variant][place]


def published(
    world: World, version: str, policy: Policy, favourite: str = "video_long_view_1d", kind: str = "column"
) -> None:
    folder = world.release(version, favourite, kind)
    (folder / "policy.json").write_bytes(to_json(policy))
    world.manifest(folder, version, kind)


def test_each_asker_gets_the_release_they_were_drawn_for_on_both_routes(client: Client) -> None:
    for user, variant in list(drawn().items())[:20]:
        release = {CHAMPION: "1", CHALLENGER: "2"}[variant]
        answer = client.feed(user_id=user)
        assert (answer["variant"], answer["release"], answer["served_by"]) == (variant, release, "full")
        ranked = client.send("POST", "/v1/rank", json={"user_id": user, "video_ids": ["v3", "v55"]}).json()
        assert (ranked["variant"], ranked["release"]) == (variant, release)
        best = {CHAMPION: "v3", CHALLENGER: "v55"}[variant]
        assert ranked["items"][0]["video_id"] == best, "each by its own model"


def test_what_was_drawn_is_in_the_log_and_in_the_metrics(world: World) -> None:
    with Client(world, served=PATIENT) as client:
        answers = [client.feed(user_id=one_of(variant), preview=False) for variant in (CHALLENGER, CHAMPION)]
        page = client.send("GET", "/metrics").text
    for variant in (CHALLENGER, CHAMPION):
        assert f'flywheel_variant_answers_total{{route="feed",served_by="full",variant="{variant}"}}' in page
        assert f'flywheel_variant_score_count{{variant="{variant}"}}' in page
    assert 'flywheel_release_on_trial{release="2"} 1.0' in page
    rows = [json.loads(line) for path in world.settings.landing.rglob("impressions-*") for line in path.open()]
    for answer, version in zip(answers, ("2", "1"), strict=True):
        mine = [row for row in rows if row["request_id"] == answer["request_id"]]
        assert {(row["variant"], row["release"]) for row in mine} == {(answer["variant"], version)}


def test_shares_of_real_answers_are_as_set_and_the_sets_are_disjoint(world: World) -> None:
    limits = msgspec.structs.replace(LIMITS, lowest_share=0.1, holdback_share=0.2)
    published(world, "4", Policy(POLICY.service, msgspec.structs.replace(POLICY.release, limits=limits)))
    world.challenge("4", "2", 50)
    with Client(world, served=PATIENT) as client:
        look(client)
        answers = {user: client.feed(user_id=user, preview=False, limit=1) for user in USERS}
    variants = np.array([answer["variant"] for answer in answers.values()])
    assert {user: answer["variant"] for user, answer in answers.items()} == drawn(lowest=0.1, holdback=0.2)
    for name, share in ((LOWEST, 0.1), (HOLDBACK, 0.2), (CHALLENGER, 0.35), (CHAMPION, 0.35)):
        assert abs((variants == name).mean() - share) < 4 * np.sqrt(share * (1 - share) / len(USERS)), name
    said = {(a["variant"], a["served_by"], a["reason"]) for a in answers.values() if a["variant"] in {LOWEST, HOLDBACK}}
    assert said == {
        (LOWEST, "popular", "the constant share of this rung"),
        (HOLDBACK, "popular", "the constant share that is held back"),
    }


def test_askers_keep_their_variant_over_a_restart_and_in_every_worker(client: Client, world: World) -> None:
    before = {user: client.feed(user_id=user, limit=1)["variant"] for user in USERS[:40]}
    with Client(world, served=PATIENT) as other:  # ready, before its first look at the pointer
        again = {user: other.feed(user_id=user, limit=1)["variant"] for user in USERS[:40]}
    assert again == before


def test_a_larger_share_counts_from_the_next_request_and_keeps_everybody(client: Client, world: World) -> None:
    had = {user for user in USERS[:60] if client.feed(user_id=user, limit=1)["variant"] == CHALLENGER}
    world.challenge("1", "2", 75)
    look(client)
    has = {user for user in USERS[:60] if client.feed(user_id=user, limit=1)["variant"] == CHALLENGER}
    assert had < has


def test_a_challenger_that_throws_costs_no_answer_and_is_asked_no_more(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Any) -> Any:
        raise ZeroDivisionError

    scorer, asked = client.online.releases.trial.release.scorer, []
    monkeypatch.setattr(
        type(scorer), "score", lambda own, rows: broken(asked.append(1)) if own is scorer else -rows[:, 0]
    )
    user, counted = one_of(CHALLENGER), metrics.VARIANT_FAILURES.labels(CHALLENGER, "scoring failed")
    before = counted._value.get()
    answers = [client.feed(user_id=user) for _ in range(6)]
    assert {(a["variant"], a["release"], a["served_by"]) for a in answers} == {(CHALLENGER, "1", "full")}
    assert {a["reason"] for a in answers} == {
        "the champion answers for the challenger: scoring failed: ZeroDivisionError"
    }
    assert len(asked) == BreakerValues().failures
    assert counted._value.get() == before + 6
    others = client.feed(user_id=one_of(CHAMPION))
    assert (others["release"], others["reason"]) == ("1", None), "nobody else notices"


@pytest.mark.parametrize("part", ["may", "turn"])
def test_whatever_else_fails_under_a_challenger_its_asker_gets_the_champions_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    parts, real = client.online.ladder.parts, getattr(client.online.ladder.parts, part)
    failed = []

    def once(*given: Any) -> Any:
        if not failed:
            failed.append(1)
            raise KeyError("nobody foresaw this")
        return real(*given)

    monkeypatch.setattr(parts, part, once)
    answer = client.feed(user_id=one_of(CHALLENGER))
    assert (answer["variant"], answer["release"], answer["served_by"]) == (CHALLENGER, "1", "full")
    assert answer["reason"] == "the champion answers for the challenger: failed: KeyError"


def test_a_trial_that_ends_in_the_middle_of_a_request_costs_no_answer(client: Client, world: World) -> None:
    parts = client.online.ladder.parts
    turn = parts.turn

    async def ended_meanwhile(*given: Any) -> Any:
        world.promote("1")
        await client.online.releases._follow()
        return await turn(*given)

    parts.turn = ended_meanwhile
    answer = client.feed(user_id=one_of(CHALLENGER))
    assert (answer["variant"], answer["release"], answer["served_by"]) == (CHALLENGER, "2", "full")
    assert client.online.releases.trial is None
    assert client.feed(user_id=one_of(CHALLENGER))["variant"] == CHAMPION


def test_the_challengers_policy_holds_for_its_askers_alone(client: Client, world: World) -> None:
    fresh = tuple(
        msgspec.structs.replace(source, deadline_ms=60_000.0)
        for source in POLICY.release.sources
        if source.name == "fresh"
    )
    policy = msgspec.structs.replace(USUAL.release, sources=fresh, steps=(), limit=3)
    published(world, "3", Policy(POLICY.service, policy))
    world.challenge("1", "3", 50)
    look(client)
    client._runner.run(client.online._pool())
    tried, usual = (client.feed(user_id=one_of(variant, -1)) for variant in (CHALLENGER, CHAMPION))  # of new users
    assert (tried["release"], len(tried["items"]), tried["reason"]) == ("3", 3, None)
    assert {item["video_id"] for item in tried["items"]} <= {f"v{i}" for i in range(48, 60)}, "born within two days"
    assert (usual["release"], len(usual["items"])) == ("1", POLICY.release.limit)


def test_a_challenger_that_becomes_the_champion_is_swapped_in_without_another_trial(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = client.online.releases.trial.release
    monkeypatch.setattr(client.online.releases._loader, "loaded", None)
    world.promote("2")
    look(client)
    assert client.online.releases.live is tried
    assert client.online.releases.trial is None
    assert client.feed(user_id=one_of(CHAMPION))["release"] == "2"


def damaged(world: World) -> None:
    world.promote("1", challenger={"release": 7})


def unknown(world: World) -> None:
    world.promote("1", challenger={"release": {"version": "9", "path": "9"}, "share": 50, "salt": "s"})


def forged(world: World) -> None:
    published(world, "5", USUAL)
    world.challenge("1", "5", 50)
    (world.registry / "5" / "model.json").write_text("{}")


def too_many(world: World) -> None:
    world.challenge("1", "2", 150)


@pytest.mark.parametrize(
    ("broken", "why"),
    [(damaged, "cannot be read"), (unknown, "No such file"), (forged, "model.json"), (too_many, "150 per cent")],
    ids=["damaged", "unknown", "forged", "too many"],
)
def test_a_challenger_that_cannot_be_used_never_disturbs_the_champion(
    client: Client, world: World, broken: Any, why: str
) -> None:
    world.promote("1")
    look(client)
    broken(world)
    look(client)
    assert client.online.releases.trial is None
    assert why in client.online.releases.challenger.why
    answers = [client.feed(user_id=user, limit=1) for user in USERS[:10]]
    assert {(a["variant"], a["release"], a["served_by"], a["reason"]) for a in answers} == {
        (CHAMPION, "1", "full", None)
    }


def test_only_a_preview_of_an_operator_may_name_the_variant(client: Client) -> None:
    both = {variant: client.feed(user_id="u1", variant=variant)["release"] for variant in (CHAMPION, CHALLENGER)}
    assert both == {CHAMPION: "1", CHALLENGER: "2"}
    wanted = {"user_id": "u1", "variant": CHALLENGER}
    for role, more in (("operate", {}), ("rank", {"preview": True})):
        assert client.send("POST", "/v1/feed", role, json={**wanted, **more}).status_code == 403


def test_what_a_rollback_needs_stays_on_disk_and_what_was_tried_goes(client: Client, world: World) -> None:
    for version in ("6", "7", "8", "9"):
        published(world, version, USUAL, "video_age")
        trial = {"release": world.named(version), "share": 0, "salt": version}
        world.promote("1", previous=world.named("2"), challenger=trial)
        look(client)
        assert client.online.releases.trial.release.version == version
    world.promote("1", previous=world.named("2"))
    look(client)
    kept = {path.name.partition("-")[0] for path in (world.settings.serving / "releases").glob("*.proven")}
    assert {"1", "2"} <= kept
    assert len(kept) <= 4, "the live one, the previous one, and the two newest of all others"
    client.online.releases._loader.cache.fetch = None
    world.promote("2")
    look(client)
    assert client.feed()["release"] == "2", "without the registry's files, and without another trial"


def test_going_back_waits_for_no_trial_of_another_release(client: Client, world: World) -> None:
    cache = client.online.releases._loader.cache

    async def meanwhile() -> str:
        world.challenge("1", "2", 50)
        async with cache.alone("a release on trial in another worker"):
            world.promote("2")
            await client.online.releases._follow()
            world.promote("1")
            await client.online.releases._follow()
        return str(client.online.releases.live.version)

    assert client._runner.run(meanwhile()) == "1"
