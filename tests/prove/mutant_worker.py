"""A worker that meets mutated releases: `python -m tests.prove.mutant_worker HOME FIRST LAST` prints a JSON line each.

Each has its digests made anew, as somebody can who cannot sign. First the service's own cache is to fetch it, which
must refuse. Then, as if nothing were signed, a child with the limits of a trial parses it; what the child accepts this
process loads and scores with. It must go on in any case.
"""

import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from infra.errors import FlywheelError, ReleaseNotSigned
from infra.manifest import read_manifest, write_manifest
from infra.release_format import MANIFEST, NamedRelease
from infra.settings import Settings
from serving.items import ItemStates
from serving.model import SignedRegistry, load, scorer, trial, trial_limits
from serving.model.release_cache import ReleaseCache
from serving.systems.home_feed import SERVED
from tests.prove.mutator import KINDS, mutant

FILES = ("model.ubj", "model.ubj", "golden.npz", "recipe.json", "popular.json", "policy.json", MANIFEST)
CPU_S, WAIT_S = 20, 40.0
HUNG = "hung"


def main() -> None:
    """Meet the mutants of these numbers."""
    home, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    scorer.prepare()  # once for all children
    trials = Trials()  # before this process scores: a fork of it would wait for threads that it does not have
    settings = Settings(home=home)
    registry = settings.releases
    signed = SignedRegistry(settings, "home_feed")
    cache = ReleaseCache(registry, settings.serving / "releases", 3, signed.must_be_signed)
    (settings.serving / "releases").mkdir(parents=True, exist_ok=True)
    states = ItemStates(SERVED.features, SERVED.policy.service, capacity=1024)
    rows = np.random.default_rng(1).normal(size=(700, len(read_manifest(registry / "1").features)))
    hostile = np.where(np.random.default_rng(2).random(rows.shape) < 0.1, np.nan, rows * 10).astype(np.float32)
    for number in range(first, last):
        name, kind = spoiled(registry / "1", registry / "2", number)
        print(json.dumps({
            "number": number, "file": name, "kind": kind, "signed": _fetched(cache),
            **_unsigned(registry / "2", states, hostile, trials),
        }), flush=True)  # fmt: skip


def spoiled(sound: Path, folder: Path, number: int) -> tuple[str, str]:
    """Make of a sound release one with a mutated file, its digests made anew, under the sound one's signature."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    name = FILES[number // len(KINDS) % len(FILES)]
    kind, content = mutant((folder / name).read_bytes(), number)
    (folder / name).write_bytes(content)
    if name != MANIFEST:
        facts = read_manifest(sound)
        with suppress(FlywheelError):
            write_manifest(
                folder, system=facts.system, version="2", created_at=facts.created_at, kind=facts.kind,
                features=facts.features, dataset_digest=facts.dataset_digest,
            )  # fmt: skip
    return name, kind


def _fetched(cache: ReleaseCache) -> str:
    """What becomes of it where signatures are checked."""
    try:
        cache.fetch(NamedRelease("2", "2"), "2")
    except ReleaseNotSigned:
        return "refused"
    return "taken"


def _unsigned(folder: Path, states: ItemStates, rows: Any, trials: "Trials") -> dict[str, Any]:
    """What becomes of it where they are not."""
    status = trials.of(folder)
    if status != 0:
        return {"child": status, "loaded": None}
    try:
        release = load(folder, SERVED, states)
        release.scorer.score(rows)
        release.scorer.score(np.asfortranarray(rows[:3]))
    except Exception as refused:
        return {"child": 0, "loaded": type(refused).__name__}
    return {"child": 0, "loaded": "scores"}


class Trials:
    """A process that forks a child for each trial: an own start would cost two seconds each."""

    def __init__(self) -> None:
        ask, self._ask = os.pipe()
        self._told, tell = os.pipe()
        if os.fork() == 0:
            os.close(self._ask)
            with os.fdopen(ask) as folders, os.fdopen(tell, "w") as statuses:
                for folder in folders:
                    statuses.write(f"{_in_child(Path(folder.strip()))}\n")
                    statuses.flush()
            os._exit(0)
        os.close(ask)
        os.close(tell)
        self._folders, self._statuses = os.fdopen(self._ask, "w"), os.fdopen(self._told)

    def of(self, folder: Path) -> int | str:
        """The exit status of a trial, negative for a signal."""
        self._folders.write(f"{folder}\n")
        self._folders.flush()
        status = self._statuses.readline().strip()
        return status if status == HUNG else int(status)


def _in_child(folder: Path) -> int | str:
    pid = os.fork()
    if pid == 0:
        status = 1
        with suppress(BaseException):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            trial_limits.limit(folder, CPU_S)
            status = trial.tried(folder)
        os._exit(status)
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return HUNG


if __name__ == "__main__":
    main()
