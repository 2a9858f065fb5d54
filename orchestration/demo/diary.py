"""What the demo has done up to now: a demo that was ended, for any reason, goes on at the scene it was in."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from infra.atomic import atomic_write
from infra.errors import DefinitionError

NAME = "demo.json"


class Diary(msgspec.Struct):
    """The progress of one demo.

    done     scenes that are done
    learned  their figures
    seconds  how long each of their steps took
    clocks   what time it was in the demo when the last of them ended
    notes    what later scenes need of earlier ones
    """

    source: str
    seed: int
    path: str | None = None
    done: list[str] = []
    learned: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    clocks: dict[str, datetime] = {}
    notes: dict[str, Any] = {}

    def write(self, home: Path) -> None:
        """Put it into the home, whole or not at all."""
        with atomic_write(home / NAME) as draft:
            draft.write_bytes(msgspec.json.encode(self, enc_hook=str))

    @classmethod
    def read(cls, home: Path) -> "Diary":
        """The diary of the demo in this home; raises DefinitionError where there is none."""
        try:
            return msgspec.json.decode((home / NAME).read_bytes(), type=cls)
        except (FileNotFoundError, msgspec.DecodeError) as absent:
            raise DefinitionError(
                f"{home} holds no demo to go on with. Begin one: `flywheel demo` (FLYWHEEL_HOME names the folder)."
            ) from absent
