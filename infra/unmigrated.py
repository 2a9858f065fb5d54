"""Homes that an earlier version made: one system's files lay at the top, where nothing looks for them now."""

from pathlib import Path
from typing import TYPE_CHECKING

from infra.errors import NotMigrated

if TYPE_CHECKING:
    from infra.settings import Settings

WHOLE = ("lake", "landing", "reports", "erasures")  # were of the one system there was
BY_NAME = ("releases", "candidates", "serving", "stream")  # held a folder for each system


def left_at_top(home: Path) -> list[Path]:
    """The folders of a system at the top of a home; empty where it is made as it is made now."""
    return [home / name for name in (*WHOLE, *BY_NAME) if (home / name).is_dir()]


def must_be_migrated(home: Path) -> None:
    """Raise NotMigrated for a home whose files would not be found: else an empty lake would be begun beside them."""
    left = left_at_top(home)
    if left:
        raise NotMigrated(
            f"{home} was made by an earlier version: {', '.join(path.name for path in left)} "
            f"{'lies' if len(left) == 1 else 'lie'} at its top. Stop what runs there, then give `flywheel migrate` "
            "once: it moves everything into the system's own part and loses nothing (docs/systems.md)."
        )


def migrated(settings: "Settings") -> "Settings":
    """The same settings; raises NotMigrated as `must_be_migrated` does."""
    must_be_migrated(settings.home)
    return settings
