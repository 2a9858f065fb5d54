"""`popular.json`: what is liked now, by group and everywhere, and what is new; served when nothing can be scored."""

from pathlib import Path
from typing import Any

import msgspec

from infra.release_format.file_names import POPULAR


class Popular(msgspec.Struct, frozen=True):
    """The lists, best first; `items` has the attributes that eligibility is decided on."""

    all: list[str] = []
    by_group: dict[str, list[str]] = {}
    fresh: list[str] = []
    items: dict[str, dict[str, Any]] = {}

    def for_group(self, group: str) -> list[str]:
        """The list of a group, filled up with what is liked everywhere."""
        return list(dict.fromkeys([*self.by_group.get(group, []), *self.all]))


def write_popular(folder: Path, popular: Popular) -> None:
    """Put the lists into a release."""
    (folder / POPULAR).write_bytes(msgspec.json.encode(popular))


def read_popular(folder: Path) -> Popular:
    """The lists of a release."""
    return msgspec.json.decode((folder / POPULAR).read_bytes(), type=Popular)
