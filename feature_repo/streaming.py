"""The stream as Spark Structured Streaming runs it: landed files in, one micro-batch after another, states online."""

import contextlib
import fcntl
import hashlib
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from feature_repo.definition import FeatureSet
from feature_repo.packed_records import connect
from feature_repo.record_layout import layouts
from feature_repo.snapshots import Snapshots
from feature_repo.spark import session
from feature_repo.spark_files import spark_path
from feature_repo.stream import Stream
from feature_repo.stream_base import rebase
from feature_repo.stream_intake import Intake, Landed, Taken
from feature_repo.stream_online import bring_online
from feature_repo.stream_state import StreamState, folder_of, micros
from validation.clock import Clock
from validation.contract import Table
from validation.delivered import BUNDLE, READERS
from validation.errors import Unavailable
from validation.lake import Lake
from validation.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# A thousand rows a time: planning and compiling cost more than computing.
SMALL = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.files.ignoreMissingFiles": "true",  # ingestion was faster: the lake has them
    "spark.sql.streaming.minBatchesToRetain": "10",
}
FILES = "path string, modificationTime timestamp, length long, content binary"
AT_ONCE = 16_000_000  # bytes of one table a micro-batch: what waits for hours is taken in several
SLACK_S = 2.0  # the service looks once a second whether a file is old enough to be handed over


@dataclass
class Progress:
    """How a stream gets on: what it took since its start, and up to when everything is online."""

    batches: int = 0
    taken: Taken = field(default_factory=Taken)
    from_lake: int = 0
    written: int = 0
    until: datetime | None = None
    base: date | None = None


class Streaming:
    """A stream of one installation, and all it works with. Spark calls `take` from a thread of its own.

    `disk` tells the time that files are dated by.
    """

    def __init__(
        self, settings: Settings, features: FeatureSet, tables: Mapping[str, Table], state: StreamState, disk: Clock
    ) -> None:
        self._settings, self._features, self._state = settings, features, state
        self._spark = small_session(settings)
        self._lake, self._clock, self._disk = Lake(settings.lake), Clock(settings.replay_from), disk
        self._redis, self._layouts = connect(settings.redis_url), layouts(features)
        self._intake = Intake(Stream(self._spark, features, tables, state), state, self._lake, features, tables)
        for name in self._intake.tables:
            (settings.landing / name).mkdir(parents=True, exist_ok=True)
        self._busy = threading.Lock()
        self.progress = Progress()

    def now(self) -> datetime:
        """What time it is."""
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def start(self, **trigger: Any) -> Any:
        """Follow the landing: Spark's query, which reads every file that is there and was not read before."""
        folders = [self._settings.landing.absolute() / name for name in self._intake.tables]
        every = reduce(lambda left, right: left.unionAll(right), [_landed(self._spark, f) for f in folders])
        writer = every.writeStream.foreachBatch(self.take).option("checkpointLocation", str(self._checkpoint()))
        return writer.trigger(**trigger).start()

    def take(self, files: "DataFrame", _: int) -> None:
        """A micro-batch: landed files with their content. A file that was taken before changes nothing."""
        found = [Landed(_name(unquote(row["path"])), row["content"]) for row in files.toArrow().to_pylist()]
        with self._busy:
            self.progress.taken += self._intake.take_files(found, self.now())
            self.progress.batches += 1

    def bring_online(self) -> None:
        """Write all that was published or received before the oldest file that waits to be taken was begun."""
        with self._busy:
            self._take_bundled()
            known = self._state.names("file")
            waiting = [age for path, age in self._landing() if _name(path) not in known]
            began = self.now() - timedelta(seconds=max(waiting, default=0.0) + self._settings.hand_over_s + SLACK_S)
            written = bring_online(self._state, self._redis, self._layouts, micros(began), self.now())
            self.progress.written += written
            self.progress.until = began

    def meet_the_lake(self) -> bool:
        """Take what the lake has that no landed file brought, go on from its newest snapshot; whether the base is new.

        Landed files that ingestion is done with are forgotten: they cannot come again.
        """
        with self._busy:
            self._state.drop_files(self._state.names("file") - {_name(path) for path, _ in self._landing()})
            base = rebase(self._state, self._lake, self._features, self.now())
            self.progress.base = base or self.progress.base
            self.progress.from_lake += self._intake.take_lake(self.now())
        return base is not None

    def _take_bundled(self) -> None:
        """Take the files that ingestion put together before Spark could read them."""
        known, found = self._state.names("file"), []
        for path, _ in self._landing():
            if path.parent.suffix == BUNDLE and _name(path) not in known:
                with contextlib.suppress(FileNotFoundError):  # ingestion is done with it: the lake has it
                    found.append(Landed(_name(path), path.read_bytes()))
        if found:
            self.progress.taken += self._intake.take_files(found, self.now())

    def _landing(self) -> Iterator[tuple[Path, float]]:
        """The finished files that wait for ingestion, or are in it, and how many seconds ago each got its last line."""
        for table in self._intake.tables:
            for path in _shown(self._settings.landing / table):
                with contextlib.suppress(FileNotFoundError):  # ingestion has just moved it
                    if path.suffix in READERS:
                        yield path, self._disk.now() - path.stat().st_mtime

    def _checkpoint(self) -> Path:
        """Spark's own notes of the files it read: a new folder for each base, so that they do not grow for ever."""
        folder = folder_of(self._settings, self._features.name).absolute()
        current = folder / f"files-{self._state.fact('begun')}-{self._state.base}"
        for old in folder.glob("files-*"):
            if old != current:
                shutil.rmtree(old)
        return current


@contextmanager
def streaming(
    settings: Settings, features: FeatureSet, tables: Mapping[str, Table], disk: Clock
) -> Iterator[Streaming]:
    """The stream of an installation; raises Unavailable when another process runs it."""
    folder = folder_of(settings, features.name)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise Unavailable(f"stream {features.name}: another process runs it on {folder}. Stop that one.") from taken
        state = StreamState(folder, _counted(settings, features))
        try:
            yield Streaming(settings, features, tables, state, disk)
        finally:
            state.close()


def small_session(settings: Settings) -> "SparkSession":
    """A session for micro-batches: one core, no compilation. It shares the process's Java with other sessions."""
    small = settings.model_copy(update={"spark_master": "local[1]", "spark_memory": "512m"})
    found = session(small).newSession()
    for name, value in SMALL.items():
        found.conf.set(name, value)
    return found


def _landed(spark: "SparkSession", folder: Path) -> "DataFrame":
    """The files of one table's landing folder, as a stream."""
    names = "*.{" + ",".join(end.removeprefix(".") for end in READERS) + "}"
    reader = spark.readStream.format("binaryFile").schema(FILES).option("pathGlobFilter", names)
    return reader.option("maxBytesPerTrigger", str(AT_ONCE)).load(spark_path(folder)).select("path", "content")


def _shown(folder: Path) -> Iterator[Path]:
    """The files of a folder and of the bundles in it, but for hidden ones."""
    with contextlib.suppress(FileNotFoundError):  # a bundle that ingestion is done with
        for path in [path for path in folder.iterdir() if not path.name.startswith(".")]:
            yield from _shown(path) if path.suffix == BUNDLE else [path]


def _name(path: str | PurePath) -> str:
    """A landed file's path below the landing, the same in a bundle and outside of it."""
    *_, table, bundle, name = PurePath(path).parts
    return f"{table}/{name}" if bundle.endswith(BUNDLE) else f"{bundle}/{name}"


def _counted(settings: Settings, features: FeatureSet) -> str:
    """Changes with all that decides what a record holds."""
    told = (Snapshots(Lake(settings.lake), features).counted, features.profile_views)
    return hashlib.sha256(repr(told).encode()).hexdigest()
