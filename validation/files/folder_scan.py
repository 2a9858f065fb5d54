"""A scan of a folder of deliveries and all folders in it: each path with its table, or why it is not taken."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from validation.contract import Table, unknown
from validation.files.formats import format_of
from validation.files.landed import BUNDLE, DONE, FAILED, PassedOver, ScanResult, TableFile, is_utf8, problem

PARTITION = re.compile(r"\w+=.*|\d+|\d{4}-\d\d-\d\d.*")
"""Names of folders that are parts of a table, such as one day; the table's own folder is above them."""


def scan_folder(
    root: Path, tables: Sequence[Table], only: Table | None = None, not_into: Path | None = None
) -> ScanResult:
    """The files at a path, a file or a folder, in the order of `tables`: tables that others refer to come first.

    A file belongs to the table whose folder it is in, or else to the one whose name its own name begins with. `only` is
    the table of files where neither says one. `not_into` is a folder that is passed over: the installation's own, with
    the lake in it.
    """
    scan = _Scan(Path(os.path.abspath(root)), tables, only, os.path.abspath(not_into) if not_into else None)
    scan.at_root()
    order = {table.name: place for place, table in enumerate(tables)}
    files = sorted(scan.files, key=lambda each: (order[each.table.name], each.below.split("/"), str(each.path)))
    return ScanResult(tuple(files), tuple(sorted(scan.passed_over, key=lambda each: os.fsencode(each.path))))


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder of the scan, and the table of it or of the nearest folder above it that is named like a table."""

    path: str
    table: Table | None = None
    below: str = ""
    is_root: bool = False

    def inside(self, name: str, table: Table | None) -> "_Place":
        """A folder in this one; `below` is empty again at a table's own folder."""
        return _Place(os.path.join(self.path, name), table or self.table, "" if table else f"{self.below}{name}/")


@dataclass
class _Scan:
    root: Path
    tables: Sequence[Table]
    only: Table | None
    not_into: str | None
    files: list[TableFile] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._longest_first = sorted(self.tables, key=lambda table: -len(table.name))  # `users_old` is not `users`

    def at_root(self) -> None:
        """Look at the root itself, and below it where it is a folder."""
        try:
            mode = os.lstat(self.root).st_mode
        except OSError as error:
            return self._pass(self.root, None, f"it cannot be read ({error.strerror})")
        is_folder = stat.S_ISDIR(mode) and self.root.suffix != BUNDLE
        table = None if self.only else self._table_above(self.root if is_folder else self.root.parent)
        if is_folder:
            return self._below(_Place(str(self.root), table, is_root=True))
        return self._entry(_Place(str(self.root.parent), table or self.only), self.root.name, mode)

    def _below(self, root: _Place) -> None:
        waiting = [root]
        while waiting:
            here = waiting.pop()
            for name, mode in self._entries(here):
                if stat.S_ISDIR(mode) and self._is_plain(here, name):
                    waiting.append(here.inside(name, self._named(name)))
                else:
                    self._entry(here, name, mode)

    def _entries(self, place: _Place) -> Iterator[tuple[str, int]]:
        try:
            with os.scandir(place.path) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):  # moved since
                        yield entry.name, entry.stat(follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            self._pass(Path(place.path), place.table, f"it cannot be listed ({error.strerror})")

    def _is_plain(self, place: _Place, name: str) -> bool:
        """Whether a folder is one to look into."""
        special = name.startswith((".", "_")) or name.endswith(BUNDLE) or (place.is_root and name in (DONE, FAILED))
        ours = os.path.join(place.path, name) == self.not_into
        return not (special or ours) and format_of(name) is None and is_utf8(name)

    def _entry(self, place: _Place, name: str, mode: int) -> None:
        path = Path(place.path, name)
        why, refused = problem(path, mode, place.is_root)
        if str(path) == self.not_into:
            why, refused = "the folder of this installation", False
        table = self._table_of(place, name)
        if why or table is None:
            why, refused = (why, refused) if why else self._unplaced(place, name)
            return self._pass(path, place.table, why, refused)
        return self.files.append(TableFile(table, path, place.below + name))

    def _pass(self, path: Path, table: Table | None, why: str, refused: bool = True) -> None:
        self.passed_over.append(PassedOver(path, why, refused, table))

    def _table_by_name(self, place: _Place, name: str) -> Table | None:
        """The table of the nearest folder, or else the one that the name begins with."""
        return place.table or next((table for table in self._longest_first if begins(name, table)), None)

    def _table_of(self, place: _Place, name: str) -> Table | None:
        table = self._table_by_name(place, name)
        if self.only is None:
            return table
        itself = os.path.join(place.path, name) == str(self.root)
        return self.only if itself or table in (None, self.only) else None

    def _unplaced(self, place: _Place, name: str) -> tuple[str, bool]:
        table = self._table_by_name(place, name)
        if table and self.only:
            return f"it is of `{table.name}`, not of `{self.only.name}`; name the file itself to take it as that", False
        folder = place.below.rstrip("/").rpartition("/")[2]
        near = unknown(folder or re.split(r"[-.]", name)[0], [table.name for table in self.tables])
        return f"its name or folder has to name a table, or say `--table`. {near}", True

    def _table_above(self, folder: Path) -> Table | None:
        """The table whose folder this is, or of which it is a part, such as `day=2026-05-03`."""
        while PARTITION.fullmatch(folder.name):
            folder = folder.parent
        return self._named(folder.name)

    def _named(self, name: str) -> Table | None:
        return next((table for table in self.tables if table.name == name), None)


def begins(name: str, table: Table) -> bool:
    """Whether a name is that of the table, alone or followed by something that no table's name has."""
    return re.match(rf"{re.escape(table.name)}(?![A-Za-z0-9_])", name) is not None
