"""The faults that the service must take: what is done, and how it is undone."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from redis import Redis

from feature_repo.records import redis_records
from feature_repo.records.layout import encode, layouts
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.manifest import write_manifest
from tests.bench.catalogue import NOW
from tests.chaos.stage import Stage

STALE_DAYS = 120
MISSING = 0.3


def nothing(_: Stage) -> None:
    """No need to do anything."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    begin, end  do it and undo it, while requests come
    before      what is done to the stage before requests come, for faults that a service starts into
    rungs       rungs of the ladder of which at least one must have answered while it lasted
    """

    name: str
    begin: Callable[[Stage], None]
    end: Callable[[Stage], None] = nothing
    before: Callable[[Stage], None] = nothing
    rungs: frozenset[str] = frozenset({"full"})


def _spoilt(spoil: Callable[[Path], None]) -> Callable[[Stage], None]:
    """Promote a release that is not what it should be."""

    def begin(stage: Stage) -> None:
        spoil(stage.release("2"))
        stage.promote("2")

    return begin


def _back(stage: Stage) -> None:
    stage.promote("1")


def _flip(folder: Path) -> None:
    model = bytearray((folder / "model.ubj").read_bytes())
    model[len(model) // 2] ^= 0xFF
    (folder / "model.ubj").write_bytes(model)


def _truncate(folder: Path) -> None:
    model = (folder / "model.ubj").read_bytes()
    (folder / "model.ubj").write_bytes(model[: len(model) // 3])


def _other_features(folder: Path) -> None:
    recipe = json.loads((folder / "recipe.json").read_bytes())
    recipe["features"] = recipe["features"][1:]
    (folder / "recipe.json").write_text(json.dumps(recipe))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    write_manifest(
        folder, system=manifest["system"], version="2", created_at=manifest["created_at"], kind=manifest["kind"],
        features=manifest["features"], dataset_digest=manifest["dataset_digest"],
    )  # fmt: skip


def _wrong_digest(stage: Stage) -> None:
    stage.release("2")
    stage.promote("2", digest="0" * 64)


def _half_moved(stage: Stage) -> None:
    """What a move leaves behind that dies after it has written the pointer: its release was never fetched here."""
    stage.promote("3", digest="0" * 64)


def _torn(stage: Stage) -> None:
    """The pointer as a disk that was full leaves it."""
    pointer = stage.registry / "live.json"
    pointer.write_bytes(pointer.read_bytes()[:20])


def _signed_wrongly(stage: Stage) -> None:
    """Another release, under a signature that is not the registry's."""
    stage.release("2")
    stage.promote("2")
    pointer = stage.registry / "live.json"
    pointer.write_bytes(pointer.read_bytes()[:-18] + b"0123456789abcdef" + b'"}')


def _canary(stage: Stage) -> None:
    """A release that half of the askers are answered by; the end aborts it, while they go on asking."""
    stage.release("2")
    stage.challenge("2", share=50)


def _registry_gone(stage: Stage) -> None:
    stage.registry.rename(stage.registry.with_name("gone"))


def _registry_back(stage: Stage) -> None:
    stage.registry.with_name("gone").rename(stage.registry)


def _dark_start(stage: Stage) -> None:
    """A new machine, and nobody there to tell it of a release."""
    stage.stop_service()
    stage.forget_releases()
    _registry_gone(stage)
    stage.start_service()


def _cold_start(stage: Stage) -> None:
    stage.stop_service()
    stage.start_service()


def _restarted_empty(stage: Stage) -> None:
    stage.kill_redis()
    stage.start_redis()


def _refilled(stage: Stage) -> None:
    stage.fill()


def _locked(stage: Stage) -> None:
    stage.kill_redis()
    stage.start_redis("a-password-that-the-service-does-not-know")


def _unlocked(stage: Stage) -> None:
    _restarted_empty(stage)
    stage.fill()


def _rude(name: str, kind: str, count: int) -> Fault:
    return Fault(name, lambda stage: stage.let_in(kind, count), Stage.send_away)


def _gone(stage: Stage) -> None:
    stage.proxy.gone()


def _well(stage: Stage) -> None:
    stage.proxy.well()


def _republished(stage: Stage, shift_s: float) -> None:
    """All counters, as if they had been published so much later."""
    with Redis.from_url(stage.redis_url) as redis:
        for view in FEATURES.counter_views:
            layout = layouts(FEATURES)[view.name]
            known = redis_records.read_all_records(redis, layout)
            at = ((known.at + shift_s) * 1e6).astype(np.int64)
            records = encode(layout, known.values, [known.column(name) for name in layout.others], at, at)
            if shift_s < 0:
                redis_records.delete_view(redis, layout)
            redis_records.write_records(redis, layout, known.keys, records, NOW)


def _stale(stage: Stage) -> None:
    """Counters as they were long ago: a store that nobody has published to since."""
    _republished(stage, -STALE_DAYS * 86_400)


def _missing(stage: Stage) -> None:
    """Every view has lost three records in ten."""
    with Redis.from_url(stage.redis_url) as redis:
        for layout in layouts(FEATURES).values():
            keys = [
                key for i, key in enumerate(redis.scan_iter(f"{layout.prefix}*", count=5000)) if i % 10 < 10 * MISSING
            ]
            for start in range(0, len(keys), 5000):
                redis.unlink(*keys[start : start + 5000])
            redis.unlink(layout.changes)  # the loss is not announced: what was announced before is lost as well


def _flooded(stage: Stage) -> None:
    """Everything changes at once, again and again: whoever follows falls behind."""
    for later in (1, 2, 3):
        _republished(stage, later)


FAULTS: tuple[Fault, ...] = (
    Fault("Redis answers 200 ms late", lambda stage: stage.proxy.slow(0.2), _well, rungs=frozenset({"no_user_state"})),
    Fault("Redis takes requests and never answers", lambda stage: stage.proxy.silent(), _well,
          rungs=frozenset({"no_user_state"})),
    Fault("Redis is down", _gone, _well, rungs=frozenset({"no_user_state"})),
    Fault("Redis is restarted empty", _restarted_empty, _refilled,
          rungs=frozenset({"full", "popular", "no_user_state"})),
    Fault("no registry at the start of a new machine", nothing, _registry_back, _dark_start, frozenset({"popular"})),
    Fault("the registry goes away", _registry_gone, _registry_back, rungs=frozenset({"stale_release"})),
    Fault("a release whose model is corrupt", _spoilt(_flip), _back, rungs=frozenset({"stale_release"})),
    Fault("a release whose model is cut short", _spoilt(_truncate), _back, rungs=frozenset({"stale_release"})),
    Fault("a release with another feature list", _spoilt(_other_features), _back, rungs=frozenset({"stale_release"})),
    Fault("a release whose digest does not match", _wrong_digest, _back, rungs=frozenset({"stale_release"})),
    Fault("a move dies half-way, and its release is not here", _half_moved, _back, rungs=frozenset({"stale_release"})),
    Fault("the pointer to the live release is torn", _torn, _back, rungs=frozenset({"stale_release"})),
    Fault("the pointer bears a wrong signature", _signed_wrongly, _back, rungs=frozenset({"stale_release"})),
    Fault("a release on trial with half of the askers is aborted", _canary, _back),
    Fault(f"states are {STALE_DAYS} days old", _stale, _refilled),
    Fault(f"{MISSING:.0%} of the states are missing", _missing, _refilled),
    Fault("the change stream lags behind a flood of changes", _flooded),
    Fault("the disk under the logs is full", lambda stage: stage.fill_the_disk(True),
          lambda stage: stage.fill_the_disk(False)),
    Fault("a worker is killed", lambda stage: stage.kill_a_worker()),
    Fault("a cold start into full load", nothing, before=_cold_start),
    Fault("Redis asks for another password", _locked, _unlocked, rungs=frozenset({"no_user_state", "popular"})),
    _rude("4 callers send headers of 80 MB without an end", "endless", 4),
    _rude("500 callers send headers that drip", "dripping headers", 500),
    _rude("500 callers send bodies that drip", "dripping body", 500),
    _rude("20 callers send requests and read no answer", "pipelined", 20),
    _rude("10,000 connections say nothing", "silent", 10_000),
    _rude("10,000 connections send half a request", "half", 10_000),
    Fault("16 people look at the console without a pause", Stage.let_look, Stage.lookers_gone,
          lambda stage: stage.invite(16)),
)  # fmt: skip
