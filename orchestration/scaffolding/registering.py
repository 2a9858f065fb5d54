"""Where a system of one's own is made known to an installation: a line in `systems.toml` of its home."""

import json
import tomllib
from pathlib import Path

from infra.atomic import atomic_write
from infra.settings import Settings

SYSTEMS_FILE = "systems.toml"
BUILT_IN = ("home_feed", "fraud", "eta")


def register(settings: Settings, name: str, path: str, folder: Path) -> None:
    """Make a system known: `path` is its module:ATTRIBUTE, `folder` where Python finds the module."""
    known = registered(settings) | {name: {"path": path, "folder": str(folder.absolute())}}
    lines = [
        f"[{each}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in entry.items())
        for each, entry in known.items()
    ]
    with atomic_write(settings.home / SYSTEMS_FILE) as draft:
        draft.write_text("\n".join(lines), encoding="utf-8")


def registered(settings: Settings) -> dict[str, dict[str, str]]:
    """The systems that are known, by name."""
    path = settings.home / SYSTEMS_FILE
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
