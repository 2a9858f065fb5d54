"""The package of a new system: its files written into the current folder, and made known to the installation."""

import importlib.util
import keyword
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.errors import DefinitionError
from infra.settings import Settings
from infra.systems import known
from orchestration.scaffolding.events_text import events_text
from orchestration.scaffolding.features_text import features_text
from orchestration.scaffolding.page_text import next_commands, page_text, test_text
from orchestration.scaffolding.serving_text import serving_text
from orchestration.scaffolding.sketch import Sketch
from orchestration.scaffolding.tables_text import tables_text
from orchestration.scaffolding.task_text import system_text, task_text, watch_text
from validation.contract import is_identifier

OURS = ("infra", "validation", "feature_repo", "training", "serving", "monitoring", "orchestration", "tests", "docs")


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a new package, and the commands that come next."""

    files: tuple[Path, ...]
    commands: tuple[str, ...]


def check_name(name: str, into: Path, settings: Settings) -> None:
    """Raises DefinitionError for a name that no package may have, or that is taken."""
    if not is_identifier(name) or keyword.iskeyword(name):
        raise DefinitionError(
            f"`{name}` cannot name a package: a name is small letters, digits and underscores, such as `returns`."
        )
    if (into / name).exists():
        raise DefinitionError(
            f"{into / name} exists already; nothing is overwritten. Choose another name, or remove it."
        )
    if name in known(settings):
        raise DefinitionError(f"a system `{name}` is known here already ({settings.home}). Choose another name.")
    if name in OURS or name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        raise DefinitionError(f"`{name}` is the name of a Python package that is installed. Choose another one.")


def write_package(sketch: Sketch, into: Path, flywheel: str, python: str) -> Written:
    """Write the package into a folder."""
    commands = next_commands(sketch, str(sketch.seen.path), flywheel, python)
    texts = {
        "__init__.py": f'"""The system {sketch.name}: definitions in one file a stage. README.md explains them."""\n',
        "tables.py": tables_text(sketch),
        "features.py": features_text(sketch),
        "task.py": task_text(sketch),
        "serving.py": serving_text(sketch),
        "watch.py": watch_text(sketch),
        "system.py": system_text(sketch),
        "events.py": events_text(sketch),
        "README.md": page_text(sketch, commands),
        f"test_{sketch.name}.py": test_text(sketch),
    }
    package = into / sketch.name
    package.mkdir()
    for file, content in texts.items():
        (package / file).write_text(content, encoding="utf-8")
    return Written(tuple(package / file for file in texts), tuple(commands))
