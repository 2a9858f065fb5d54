"""Files outside the lake: landed files, pages, logs, alerts."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import msgspec

from infra.atomic import atomic_write
from orchestration.retention.dataset import Dataset, Item
from orchestration.system import Installation
from serving.feedback import TRACES
from validation.files import DONE, FAILED

ROTATED = re.compile(r"\.(\d{4}-\d{2}-\d{2})$")


def landed(installation: Installation) -> Iterator[Dataset]:
    """Files that were taken in, or could not be, since they were written."""
    for name in (DONE, FAILED):
        yield _files(f"landing/{name}", installation.settings.landing / name, installation.ages.landed)


def shadow(installation: Installation) -> Dataset:
    """What a release on trial would have done: trials are over long before."""
    return _files(
        "shadow", installation.settings.of(installation.system.name).serving / "shadow", installation.ages.landed
    )


def traces(installation: Installation) -> Dataset:
    """All candidates of some pages: `flywheel why` is asked about pages of late."""
    return _files("traces", installation.settings.serving / TRACES, installation.ages.traces)


def reports(installation: Installation) -> Dataset:
    """Pages, since they were written last."""
    return _files("reports", installation.settings.reports, installation.ages.reports)


def logs(installation: Installation) -> Iterator[Dataset]:
    """What processes print: each run of retention begins new files, so that the old ones can go; and the alerts."""
    folder, limit = installation.settings.home / "logs", installation.ages.logs
    yield _files("logs", folder, limit)
    yield _alerts(installation.settings.home / "alerts.jsonl", limit)


def rotate_logs(installation: Installation) -> None:
    """Move what each log holds into a file of today's date; its process goes on writing to the same one."""
    today = installation.now().date()
    for path in sorted((installation.settings.home / "logs").glob("*.log")):
        if path.stat().st_size:
            with path.with_name(f"{path.name}.{today}").open("ab") as rotated:
                rotated.write(path.read_bytes())
            os.truncate(path, 0)


def _files(name: str, folder: Path, limit: int) -> Dataset:
    def too_old(first: date) -> Iterator[Item]:
        for path in sorted(folder.rglob("*")):
            if not path.is_dir() and (day := _written(path)) < first:
                yield Item(day, path.lstat().st_size, partial(_remove, folder, path))

    return Dataset(
        name, limit, too_old, lambda _: min((_written(p) for p in folder.rglob("*") if not p.is_dir()), default=None)
    )


def _written(path: Path) -> date:
    rotated = ROTATED.search(path.name)
    return date.fromisoformat(rotated[1]) if rotated else datetime.fromtimestamp(path.lstat().st_mtime, UTC).date()


def _remove(folder: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    for parent in path.relative_to(folder).parents:
        if parent != Path():
            _remove_empty(folder / parent)


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _alerts(path: Path, limit: int) -> Dataset:
    def lines() -> list[tuple[date, bytes]]:
        rows = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        return [(datetime.fromisoformat(msgspec.json.decode(row)["at"]).date(), row) for row in rows]

    def without(first: date) -> None:
        with atomic_write(path) as draft:
            draft.write_bytes(b"".join(row for day, row in lines() if day >= first))

    def too_old(first: date) -> Iterator[Item]:
        old = [(day, row) for day, row in lines() if day < first]
        if old:
            yield Item(old[0][0], sum(len(row) for _, row in old), partial(without, first))

    return Dataset(path.name, limit, too_old, lambda _: min((day for day, _ in lines()), default=None))
