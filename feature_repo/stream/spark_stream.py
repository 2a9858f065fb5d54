"""The stream as Spark Structured Streaming runs it: landed files in, one micro-batch after another, states online."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feature_repo.definition import FeatureSet
from feature_repo.folding import Snapshots
from feature_repo.records import connect, layouts
from feature_repo.stream.counting import Stream
from feature_repo.stream.intake import FileCounts, Intake, Landed
from feature_repo.stream.online import bring_online
from feature_repo.stream.rebase import rebase
from feature_repo.stream.stream_state import StreamState, micros, stream_folder
from infra.atomic import atomic_write
from infra.clock import Clock
from infra.errors import NotTaken, Unavailable
from infra.lake import Lake
from infra.pseudonyms import pseudonyms
from infra.settings import Settings
from infra.spark import session
from infra.spark_files import spark_path
from validation.contract import Table
from validation.files import BUNDLE, content_of, scan_folder

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# A batch has about a thousand rows: planning and compiling cost more than computing.
SMALL = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.files.ignoreMissingFiles": "true",  # lists of a stream that was killed are gone
    "spark.sql.streaming.minBatchesToRetain": "10",
}
AT_ONCE = 16_000_000  # bytes of a transaction: a long queue of files is taken in several
SLACK_S = 2.0  # the service looks once a second whether a file is old enough to be handed over


@dataclass
class Progress:
    """The progress of a stream: what it took since its start, and up to when everything is online."""

    batches: int = 0
    taken: FileCounts = field(default_factory=FileCounts)
    from_lake: int = 0
    written: int = 0
    until: datetime | None = None
    base: date | None = None


class Streaming:
    """The stream of one installation. Spark calls `take` from a thread of its own.

    `disk` is the clock that dates files.
    """

    def __init__(
        self, settings: Settings, features: FeatureSet, tables: Mapping[str, Table], state: StreamState, disk: Clock
    ) -> None:
        self._settings, self._features, self._state = settings, features, state
        self._spark = small_session(settings)
        self._lake = Lake(settings.lake, settings.writer_wait_s)
        self._clock, self._disk = Clock(settings.replay_from), disk
        self._redis, self._layouts = connect(settings.redis_url), layouts(features)
        stream = Stream(self._spark, features, tables, state)
        self._intake = Intake(stream, state, self._lake, features, tables, settings.file_limits, pseudonyms(settings))
        for name in self._intake.tables:
            (settings.landing / name).mkdir(parents=True, exist_ok=True)
        self._lists = stream_folder(settings, features.name).absolute() / "lists"
        self._listed: set[Path] = set()
        self._busy = threading.Lock()
        self.progress = Progress()

    def now(self) -> datetime:
        """What time it is."""
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def start(self, **trigger: Any) -> Any:
        """Start Spark's query over lists of the files that wait in the landing.

        Spark does not read the landing itself: it would follow links there, and stop at folders that it cannot parse.
        """
        checkpoint = self._checkpoint()
        with self._busy:
            shutil.rmtree(self._lists, ignore_errors=True)
            self._lists.mkdir(parents=True)
            self._listed.clear()
            self._list_waiting(dict(self._landing()))
        lists = self._spark.readStream.format("text").option("cleanSource", "delete").load(spark_path(self._lists))
        writer = lists.writeStream.foreachBatch(self.take).option("checkpointLocation", str(checkpoint))
        return writer.trigger(**trigger).start()

    def take(self, lists: "DataFrame", _: int) -> None:
        """A micro-batch: lists of landed files. A file that was taken before changes nothing."""
        paths = [Path(json.loads(row["value"])) for row in lists.toArrow().to_pylist()]
        with self._busy:
            self._take(paths)
            self._listed -= set(paths)
            self.progress.batches += 1

    def _take(self, paths: Sequence[Path]) -> None:
        """Take files, up to AT_ONCE bytes in a transaction. A file that is gone was ingested: the lake has its rows."""
        files, size = list[Landed](), 0
        for path in paths:
            try:
                content = content_of(path, self._settings.max_file_bytes)
            except FileNotFoundError:
                continue
            except NotTaken as error:
                self.progress.taken += self._intake.give_up(self._name(path), error, self.now())
                continue
            files.append(Landed(self._name(path), content))
            size += len(content)
            if size >= AT_ONCE:
                self.progress.taken += self._intake.take_files(files, self.now())
                files, size = [], 0
        if files:
            self.progress.taken += self._intake.take_files(files, self.now())

    def _list_waiting(self, paths: Iterable[Path]) -> None:
        """Write a list of the files that wait and are on no list yet."""
        taken = self._state.names("file")
        fresh = [path for path in paths if path not in self._listed and self._name(path) not in taken]
        if fresh and self._lists.exists():
            with atomic_write(self._lists / f"{uuid.uuid4().hex}.txt") as draft:
                draft.write_text("".join(json.dumps(str(path)) + "\n" for path in fresh))
            self._listed.update(fresh)

    @property
    def failed(self) -> dict[str, str]:
        """The files that could not be taken, each with its error, as long as they are in the landing."""
        with self._busy:
            return self._state.failed()

    def bring_online(self) -> None:
        """Write to Redis all that was published or received before the oldest waiting file was begun."""
        with self._busy:
            ages = dict(self._landing())
            self._take_bundled(ages)
            self._list_waiting(ages)
            taken = self._state.names("file")
            waiting = [age for path, age in ages.items() if self._name(path) not in taken]
            began = self.now() - timedelta(seconds=max(waiting, default=0.0) + self._settings.hand_over_s + SLACK_S)
            written = bring_online(self._state, self._redis, self._layouts, micros(began), self.now())
            self.progress.written += written
            self.progress.until = began

    def catch_up_with_lake(self) -> bool:
        """Start from the lake's newest snapshot and take its rows that came in no landed file; whether the base is new.

        The notes of landed files that ingestion has moved are deleted: such files cannot come again.
        """
        with self._busy:
            self._state.drop_files(self._state.names("file") - {self._name(path) for path, _ in self._landing()})
            base = rebase(self._state, self._lake, self._features, self.now())
            self.progress.base = base or self.progress.base
            self.progress.from_lake += self._intake.take_lake(self.now())
        return base is not None

    def _take_bundled(self, paths: Iterable[Path]) -> None:
        """Take the files that ingestion put into a bundle before Spark could read them."""
        taken = self._state.names("file")
        self._take([path for path in paths if path.parent.suffix == BUNDLE and self._name(path) not in taken])

    def _landing(self) -> Iterator[tuple[Path, float]]:
        """The finished files that wait for ingestion or are in it, and how many seconds ago each was last written."""
        landing = os.path.abspath(self._settings.landing)
        for file in scan_folder(self._settings.landing, list(self._intake.tables.values())).files:
            if str(file.path).startswith(os.path.join(landing, file.table.name, "")):
                with contextlib.suppress(FileNotFoundError):  # ingestion has just moved it
                    for path in sorted(file.path.iterdir()) if file.is_bundle else [file.path]:
                        yield path, self._disk.now() - path.lstat().st_mtime

    def _name(self, path: Path) -> str:
        """A landed file's path below the landing, the same in a bundle and outside of it."""
        below = path.relative_to(os.path.abspath(self._settings.landing))
        return "/".join(part for part in below.parts if not part.endswith(BUNDLE))

    def _checkpoint(self) -> Path:
        """The folder of Spark's own notes of the files it read: a new one for each base, so that it does not grow."""
        folder = stream_folder(self._settings, self._features.name).absolute()
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
    folder = stream_folder(settings, features.name)
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
    """A session for micro-batches: one core, no compilation. It uses the same Java as other sessions of the process."""
    small = settings.model_copy(update={"spark_master": "local[1]", "spark_memory": "512m"})
    spark = session(small).newSession()
    for name, value in SMALL.items():
        spark.conf.set(name, value)
    return spark


def _counted(settings: Settings, features: FeatureSet) -> str:
    """A digest of all definitions that decide the content of records."""
    definitions = (Snapshots(Lake(settings.lake), features).counting_digest, features.profile_views)
    return hashlib.sha256(repr(definitions).encode()).hexdigest()
