"""The erasers: one function for each store, in the order in which they are called; each may be called again.

What is computed comes after what it is computed from, so that nothing is computed anew from what is about to go. The
landing comes last: by then the service knows who was erased, and has handed over what it wrote before.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from infra.atomic import atomic_write
from infra.errors import Unavailable
from infra.lake_rows import names_below, remove_rows
from infra.masking import Names, mask_file
from infra.patience import Patience
from infra.pseudonyms import Pseudonyms
from infra.release_format import MANIFEST
from orchestration.system import Installation
from validation.batches import erase_people
from validation.files import BUNDLE, DONE, FAILED, UNFINISHED, format_of, remove_people, scan_folder

SLACK_S, LOOK_S = 10.0, 0.2  # beside the time after which the service hands a file over


@dataclass(frozen=True)
class Work:
    """What an eraser is to do: for whom, by which column, and whether it only counts.

    names  the words that are masked where messages quote them
    why    what the ledger says of it; no ids
    ids    the pseudonyms of a home that has them: what waits at its door has ids as callers know them
    """

    person: str
    names: Names
    at: datetime
    why: str
    ids: Pseudonyms | None = None
    dry_run: bool = False

    @property
    def people(self) -> frozenset[str]:
        """The ids of those who are erased."""
        return self.names.people

    def __contains__(self, word: object) -> bool:
        """Whether an id is of one of them, be it as it is kept or as callers know it."""
        known = isinstance(word, str) and self.ids is not None and self.ids(word) in self.people
        return known or word in self.people


Counts = dict[str, int]
"""What was removed, by the name of what it was removed from."""
Eraser = Callable[[Installation, Work], Counts]


def batches(installation: Installation, work: Work) -> Counts:
    """Rows of tables, of quarantine, of what was discarded; and what the ledger quotes."""
    counts: Counts = {}
    words = work.names.people | work.names.others
    for table in installation.system.tables:
        if table.person:
            lake, why, dry_run = installation.lake, work.why, work.dry_run
            erased = erase_people(lake, table, work.people, words, work.at, why, dry_run=dry_run)
            counts |= {f"tables/{table.name}": erased.accepted, f"quarantine/{table.name}": erased.quarantined}
            counts[f"discarded/{table.name}"] = erased.discarded
            counts["ledger"] = counts.get("ledger", 0) + erased.quoted
    return counts


def features(installation: Installation, work: Work) -> Counts:
    """States, snapshots and profiles of people; sums over many people are computed anew with their day."""
    counts: Counts = {}
    for lock, folders in {"states": ("states", "snapshots"), "profiles": ("profiles",)}.items():
        with installation.lake.locked(lock):
            counts |= _rows(installation, work, *folders)
    return counts


def training(installation: Installation, work: Work) -> Counts:
    """Labels, training sets, the rows that monitoring has stored, and the users' vectors of the candidate."""
    from training.release import candidate_folder, remove_user_vectors, user_vectors_file
    from training.rows import forget_joined_days, remove_people_from_sets

    if not work.dry_run:
        forget_joined_days(installation.lake)
    with installation.lake.locked("labels replaced"):
        labels = _rows(installation, work, "labels")
    sets = remove_people_from_sets(installation.lake, work.person, work.people, dry_run=work.dry_run)
    vectors_file = user_vectors_file(candidate_folder(installation.settings, installation.system.name))
    vectors = remove_user_vectors(vectors_file, work.people, dry_run=work.dry_run)
    return {**labels, "training_sets": sets, "user vectors": vectors}


def stream(installation: Installation, work: Work) -> Counts:
    """What the stream has counted and not brought online yet."""
    from feature_repo.stream import remove_people_from_stream, stream_folder

    folder = stream_folder(installation.settings, installation.system.features.name)
    system, tables = installation.system, installation.tables
    removed = remove_people_from_stream(folder, system.features, tables, work.person, work.people, dry_run=work.dry_run)
    return {"stream": removed}


def online(installation: Installation, work: Work) -> Counts:
    """The records of the online store, what people were shown, and the file that the store keeps of both."""
    from feature_repo.records import connect, layouts, remove_people_online
    from infra.redis_server import answers, running, saved

    settings = installation.settings
    if work.dry_run and not answers(settings.redis_url) and not (settings.home / "redis" / "dump.rdb").exists():
        return {}  # to look starts no server that has nothing
    patience = Patience.of(settings)
    with running(settings.redis_url, settings.home / "redis", settings.redis_accept_old, patience=patience):
        redis = connect(settings.redis_url)
        views = layouts(installation.system.features)
        removed = remove_people_online(redis, views, work.person, work.people, dry_run=work.dry_run)
        redis.close()
        if not work.dry_run:
            saved(settings.redis_url)
    return {"online": removed}


def reviews(installation: Installation, work: Work) -> Counts:
    """The cases of people that wait for a reviewer, or did."""
    from serving.deciding import ReviewQueue

    path = installation.settings.serving / ReviewQueue.FILE
    if not path.exists():
        return {}
    queue = ReviewQueue(path)
    try:
        return {"reviews": queue.forget(sorted(work.people), dry_run=work.dry_run)}
    finally:
        queue.close()


def landing(installation: Installation, work: Work) -> Counts:
    """Rows of landed files that wait, of those taken in or set aside, and of files that a mapping wrote."""
    root, counts = installation.settings.landing, dict[str, int]()
    if not work.dry_run:
        _await_hand_over(installation, work)
    mapped = installation.settings.home / "mapped"
    for name, folder in {"": root, DONE: root / DONE, FAILED: root / FAILED, "mapped": mapped}.items():
        rows = 0
        for file in scan_folder(folder, installation.system.tables).files if folder.is_dir() else ():
            for path in sorted(file.path.iterdir()) if file.path.suffix == BUNDLE else [file.path]:
                if file.table.person:
                    rows += remove_people(file.table, path, work, dry_run=work.dry_run)
        counts["mapped" if name == "mapped" else f"landing/{name}".rstrip("/")] = rows
    return counts


def answered(installation: Installation, work: Work) -> Counts:
    """Rows of what the service writes of its answers for us: traces of pages, and what a release on trial would do."""
    if not work.dry_run:
        _await_hand_over(installation, work)
    folders = _answered(installation)
    return {path.name: sum(_without(file, work) for file in sorted(path.glob("*.jsonl*"))) for path in folders}


def messages(installation: Installation, work: Work) -> Counts:
    """Whatever quotes people in logs, reports, alerts, and in the databases of Dagster and MLflow below the home."""
    return {"messages": sum(mask_file(path, work.names, dry_run=work.dry_run) for path in _texts(installation))}


ERASERS: tuple[Eraser, ...] = (batches, features, training, stream, online, reviews, messages, landing, answered)


def _rows(installation: Installation, work: Work, *folders: str) -> Counts:
    lake = installation.lake
    return {
        name: remove_rows(lake, name, work.person, work.people, dry_run=work.dry_run)
        for name in names_below(lake, *folders)
    }


def _answered(installation: Installation) -> list[Path]:
    from serving.feedback import TRACES
    from serving.shadow import FOLDER

    return [installation.settings.serving / name for name in (TRACES, FOLDER)]


def _without(path: Path, work: Work) -> int:
    """Remove the rows of a file in which one of the people is named; returns how many they are."""
    lines = path.read_bytes().splitlines(keepends=True)
    left = [line for line in lines if not any(value in work for value in _values(line))]
    if len(left) < len(lines) and not work.dry_run:
        with atomic_write(path) as draft:
            draft.write_bytes(b"".join(left))
    return len(lines) - len(left)


def _values(line: bytes) -> Collection[object]:
    try:
        return msgspec.json.decode(line, type=dict[str, object]).values()
    except msgspec.MsgspecError:  # it was cut short: whoever is named in it cannot be told
        return ()


def _await_hand_over(installation: Installation, work: Work) -> None:
    """Wait until no file that the service still writes to names anybody who is erased."""
    until = time.monotonic() + installation.settings.hand_over_s + SLACK_S
    while path := next(_open_files(installation, work), None):
        if time.monotonic() > until:
            raise Unavailable(
                f"{path}: the service still writes to it, and it names people who are erased. Everything else is done; "
                "give the command again when the service has handed it over (FLYWHEEL_HAND_OVER_S), or has ended."
            )
        time.sleep(LOOK_S)


def _open_files(installation: Installation, work: Work) -> Iterator[Path]:
    from serving.feedback import recover

    landings = [installation.settings.landing / table.name for table in installation.system.tables]
    for folder in (*landings, *_answered(installation)):
        recover(folder)
        for path in folder.glob("*.open"):
            content = path.read_bytes()
            if any(person.encode() in content for person in work.people):
                yield path


def _texts(installation: Installation) -> Iterator[Path]:
    """The files of the home that are neither the lake's, nor Redis', nor a release's; those are erased by rows.

    Nor those in another system's part: who is to be erased there is erased by that system.
    """
    from serving.deciding import ReviewQueue

    settings = installation.settings
    own = {settings.lake, settings.releases, settings.stream, settings.part / "erasures", settings.home / "loops"}
    own |= {*_answered(installation)}
    others = {path for path in settings.part.parent.glob("*") if path != settings.part}
    not_into = own | others
    for folder, folders, names in os.walk(settings.home):
        here = Path(folder)
        if MANIFEST in names:  # a release: its digests bind every byte, and it holds no ids
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if here / name not in not_into)
        for name in sorted(names):
            path = here / name
            finished = name.removesuffix(path.suffix) if path.suffix in UNFINISHED else name
            is_delivery = here.is_relative_to(settings.landing) and format_of(finished) is not None
            is_queue = here == settings.serving and name.startswith(ReviewQueue.FILE)  # and its journals
            if path.is_file() and not path.is_symlink() and not (is_delivery or is_queue):
                yield path
