"""What item states cost: memory a video, time a gather, a change and a start. Run by hand: python tests/bench/states.py

Times are CPU seconds of the process that works, so that a busy machine does not falsify them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from feature_repo.definition import FeatureSet
from feature_repo.records import connect
from feature_repo.records.layout import Layout, Packed, decode, encode, layouts
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra import redis_server
from infra.settings import Settings
from serving.items.item_states import ItemStates
from serving.items.state_writer import StateWriter
from serving.launch import start, stop
from serving.systems.home_feed import RELEASE, SERVICE
from tests.conftest import free_port

COLUMNS, PART, ASKED, DESIGNED = 40, 5000, 500, 8_000_000
AT_US = 1_780_000_000_000_000
WORDS = {"creator_id": 8, "category": 50_000, "language": 50_000, "regions": 500_000}  # videos a word
# A process that maps the arrays, touches all of them, and waits to be looked at.
READER = """
import sys
from pathlib import Path
from serving.items.shared_arrays import SharedArrays
import numpy as np
folder = Path(sys.argv[1])
arrays = [SharedArrays(folder).open(path.name, np.uint8, path.stat().st_size) for path in folder.iterdir()]
for path, array in zip(folder.iterdir(), arrays, strict=True):
    array.values[: path.stat().st_blocks * 512 : 4096].sum()
print("mapped", flush=True)
sys.stdin.read()
"""


def forty() -> FeatureSet:
    """The feed's features, with so many counters of a video that a video has 40 columns."""
    profile = next(view for view in FEATURES.profile_views if view.name == SERVICE.item_view)
    labels = tuple(f"{i + 1}h" for i in range(COLUMNS - len(profile.fields)))
    views = tuple(
        replace(view, counts={"shown": labels}) if view.keys == (SERVICE.item,) else view
        for view in FEATURES.counter_views
    )
    return replace(FEATURES, counter_views=views, features=())


def parts(features: FeatureSet, items: int) -> Iterator[tuple[str, Packed]]:
    """Records of so many videos, a few thousand at a time, of each view that a video has."""
    rng, views = np.random.default_rng(7), layouts(features)
    for first in range(0, items, PART):
        ids = [f"{number:016x}" for number in rng.integers(0, 2**63, min(PART, items - first))]
        for layout in views.values():
            if layout.keys == (SERVICE.item,):
                yield layout.view, records(layout, ids, rng)


def records(layout: Layout, ids: list[str], rng: np.random.Generator) -> Packed:
    n = len(ids)
    floats = rng.random((n, len(layout.floats)), dtype=np.float32)
    at = np.full(n, AT_US, dtype=np.int64)
    others = [column(name, kind, n, rng) for name, kind in layout.others.items()]
    return decode(layout, [(i,) for i in ids], encode(layout, floats, others, at, at))


def column(name: str, kind: str, n: int, rng: np.random.Generator) -> list[Any]:
    if kind in {"Int64", "UnixTimestamp"}:
        return list((AT_US // 1_000_000 - rng.integers(0, 10**7, n)).tolist())
    words = [f"{name}-{i}" for i in rng.integers(0, max(1_000_000 // WORDS.get(name, 200_000), 1), n)]
    return [[word] for word in words] if kind.startswith("Array") else words


def cpu(work: Callable[[], Any]) -> float:
    """CPU seconds."""
    before = time.process_time()
    work()
    return time.process_time() - before


def best(work: Callable[[Any], Any], tasks: list[Any]) -> float:
    """CPU µs a task: the best of five rounds."""
    return min(cpu(lambda: [work(task) for task in tasks]) for _ in range(5)) / len(tasks) * 1e6


def memory(folder: Path) -> dict[str, int]:
    """Bytes on disk, which are the bytes in memory when everything is, by what they are for."""
    sizes = {"rows": 0, "words": 0}
    for path in folder.iterdir():
        sizes["rows" if path.suffix == ".rows" else "words"] += path.stat().st_blocks * 512
    return sizes


def shared(folder: Path) -> dict[str, float]:
    """What this process and two more that map everything weigh: one of them alone, and all three together."""
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        for reader in readers:
            assert reader.stdout is not None
            reader.stdout.readline()
        weights = [weight(pid, folder) for pid in (readers[0].pid, readers[1].pid, os.getpid())]
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()
    return {"rss_each_mib": weights[0]["Rss"] / 1024, "pss_all_mib": sum(w["Pss"] for w in weights) / 1024}


def weight(pid: int, folder: Path) -> dict[str, float]:
    """KiB of a process's mappings of a folder."""
    total, inside = {"Rss": 0.0, "Pss": 0.0}, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        word, _, rest = line.partition(":")
        if "-" in word.split()[0]:
            inside = str(folder) in line
        elif inside and word in total:
            total[word] += float(rest.split()[0])
    return total


def arrays(items: int) -> dict[str, Any]:
    """Memory and times of so many videos of 40 columns."""
    with tempfile.TemporaryDirectory() as home:
        states = ItemStates(forty(), SERVICE, Path(home))
        folder = states.arrays.folder
        assert folder is not None
        spent: dict[str, float] = {}
        for view, part in parts(forty(), items):
            spent[view] = spent.get(view, 0.0) + cpu(lambda view=view, part=part: states.take(view, part))  # type: ignore[misc]
        rng = np.random.default_rng(1)
        asked = [rng.integers(1, items, ASKED).astype(np.int32) for _ in range(200)]
        names = [states.names(rows[:400]) for rows in asked]
        sizes = memory(folder)
        each = sum(sizes.values()) / items
        return {
            "items": len(states),
            "bytes_a_video": {**{name: size / items for name, size in sizes.items()}, "all": each},
            "gib_at_8_million": each * DESIGNED / 2**30,
            "three_processes": shared(folder),
            "gather_500_us": best(states.gather, asked),
            "gather_and_slice_500_us": best(lambda rows: sliced(states, rows), asked),
            "find_all_400_us": best(states.rows, names),
            "names_20_us": best(states.names, [rows[:20] for rows in asked]),
            "records_a_cpu_second": {view: items / seconds for view, seconds in spent.items()},
        }


def sliced(states: ItemStates, rows: Any) -> None:
    block = states.gather(rows)
    block.counters(next(view for view, table in states.counters.items() if table.view.keys == (SERVICE.item,)))
    for name in (RELEASE.born,):
        block.field(name)


def service(items: int) -> dict[str, Any]:
    """A snapshot of so many videos from Redis, and what the service's processes weigh when they are ready."""
    with tempfile.TemporaryDirectory() as home:
        url = f"redis://127.0.0.1:{free_port()}/0"
        settings = Settings(home=Path(home), redis_url=url, service_port=free_port())
        states = ItemStates(FEATURES, SERVICE, settings.serving / "states")
        assert states.arrays.folder is not None
        with redis_server.running(url, settings.home / "redis"):
            fill(url, items)
            writer = StateWriter(connect(url), layouts(FEATURES), states)
            writer.begin(resume=False)
            seconds, since = cpu(writer.follow), time.monotonic()
            running = start(settings)
            try:
                ready = time.monotonic() - since
                workers = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
                weights = [own(int(pid), states.arrays.folder) for pid in workers]
                busy = [cpu_of(int(pid)) for pid in workers]
            finally:
                stop(running)
        return {
            "items": len(states),
            "snapshot_records_a_cpu_second": 2 * items / seconds,
            "ready_s": ready,
            "ready_cpu_s": busy,
            "rss_without_arrays_mib": weights,
        }


def own(pid: int, folder: Path) -> float:
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return resident - weight(pid, folder)["Rss"] / 1024


def cpu_of(pid: int) -> float:
    """CPU seconds of a process since it began."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fill(url: str, items: int) -> None:
    views, redis = layouts(FEATURES), connect(url)
    for view, part in parts(FEATURES, items):
        redis.mset({views[view].redis_key(key): record(part, i) for i, key in enumerate(part.keys)})


def record(part: Packed, i: int) -> bytes:
    """A record's bytes again."""
    layout = part.layout
    head = np.zeros(1, dtype=layout.head)
    head["digest"], head["event"], head["floats"] = layout.digest, AT_US, part.values[i]
    return head.tobytes() + (part.tails[i] or b"")


if __name__ == "__main__":
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(json.dumps({"arrays": arrays(items), "service": service(items // 5)}, indent=1, default=float))
