"""Which systems there are: the name of each, with the import path of its definitions, which are loaded when needed.

Four places name systems: this file, entry points of installed packages (group `flywheel.systems`), `systems.toml` in
the home, and the setting FLYWHEEL_SYSTEMS. docs/systems.md shows each.
"""

import importlib
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.atomic import atomic_write
from infra.errors import DefinitionError
from infra.settings import SYSTEM_NAME, Settings

DEFAULT = "home_feed"
BUILT_IN = {
    "home_feed": "orchestration.systems.home_feed:HOME_FEED",
    "fraud": "orchestration.systems.fraud:FRAUD",
    "eta": "orchestration.systems.eta:ETA",
}
GROUP = "flywheel.systems"
FILE = "systems.toml"
PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
HEAD = "# Systems of this installation; `path` is module:ATTRIBUTE, `folder` is where Python finds the module.\n"


@dataclass(frozen=True)
class NamedSystem:
    """A system before it is loaded.

    path    of its definitions, as module:ATTRIBUTE
    origin  who names it, for messages
    folder  where Python looks for its modules, too
    """

    name: str
    path: str
    origin: str
    folder: Path | None = None

    @property
    def served(self) -> str:
        """The path of what its service is made from: `serving.systems.NAME:SERVED`, or `PACKAGE.serving:SERVED`.

        The service imports that module and what it imports, not the whole system.
        """
        if self.name in BUILT_IN:
            return f"serving.systems.{self.name}:SERVED"
        module = self.path.partition(":")[0]
        return f"{module.rpartition('.')[0] or module}.serving:SERVED"

    @property
    def story(self) -> str:
        """The path of the function that `flywheel demo` calls."""
        if self.name == DEFAULT:
            return "orchestration.demo:run_demo"
        if self.name in BUILT_IN:
            return "orchestration.demo:run_case_story"
        return self.served.removesuffix("serving:SERVED") + "story:tell"

    def load(self) -> Any:
        """Its definitions; raises DefinitionError, which names the path, where they cannot be imported."""
        return self._loaded(self.path)

    def load_served(self) -> Any:
        """What its service is made from; raises DefinitionError as `load` does."""
        return self._loaded(self.served)

    def load_story(self) -> Any:
        """What `flywheel demo` calls; raises DefinitionError as `load` does."""
        return self._loaded(self.story)

    def _loaded(self, path: str) -> Any:
        if self.folder and str(self.folder) not in sys.path:
            sys.path.append(str(self.folder))  # last: it replaces no module that others import
        module, _, attribute = path.partition(":")
        try:
            value = getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:  # whatever the definitions of somebody else raise
            raise DefinitionError(
                f"system {self.name}: `{path}` ({self.origin}) cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        self._must_be_from_folder(module)
        return value

    def _must_be_from_folder(self, module: str) -> None:
        """Raise DefinitionError where another module of that name was imported before."""
        file = getattr(sys.modules[module], "__file__", None)
        if self.folder and file and not Path(file).resolve().is_relative_to(self.folder.resolve()):
            raise DefinitionError(
                f"system {self.name}: Python finds `{module}` in {file}, not in {self.folder}. Rename your package."
            )


def known(settings: Settings) -> dict[str, NamedSystem]:
    """All systems of an installation by name, those of the project first; raises DefinitionError for a name twice."""
    systems = dict(_built_in())
    for named in (*_entry_points(), *_in_file(settings.home / FILE), *_in_settings(settings)):
        _check(named)
        same = systems.setdefault(named.name, named)
        if same.path != named.path or (same.folder and named.folder and same.folder != named.folder):
            raise DefinitionError(
                f"two systems are named {named.name}: `{same.path}` ({same.origin}) and `{named.path}` "
                f"({named.origin}). Give one of them another name."
            )
    return systems


def named_system(settings: Settings) -> NamedSystem:
    """The system that the settings mean; raises DefinitionError with the nearest name where there is none."""
    if settings.system in BUILT_IN:
        return NamedSystem(settings.system, BUILT_IN[settings.system], "built in")
    systems = known(settings)
    if settings.system not in systems:
        from difflib import get_close_matches

        near = "".join(f" Did you mean `{name}`?" for name in get_close_matches(settings.system, systems, 1))
        raise DefinitionError(
            f"system `{settings.system}` is not known here.{near} `flywheel systems` lists those that are; "
            "docs/systems.md says how to add one."
        )
    return systems[settings.system]


def register(settings: Settings, name: str, path: str, folder: Path) -> None:
    """Write a system into the home's file, from where every later command finds it; one of that name is replaced."""
    named = NamedSystem(name, path, FILE, folder.absolute())
    _check(named)
    if name in BUILT_IN:
        raise DefinitionError(f"system {name} is one of the project's. Give yours another name.")
    file = settings.home / FILE
    settings.home.mkdir(parents=True, exist_ok=True)
    systems = {each.name: each for each in _in_file(file)} | {name: named}
    with atomic_write(file) as draft:
        draft.write_text(HEAD + "".join(_toml(each) for each in systems.values()), encoding="utf-8")


def _built_in() -> Iterator[tuple[str, NamedSystem]]:
    return ((name, NamedSystem(name, path, "built in")) for name, path in BUILT_IN.items())


def _entry_points() -> Iterator[NamedSystem]:
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        yield NamedSystem(point.name, point.value, f"entry point of {point.dist.name if point.dist else 'a package'}")


def _in_settings(settings: Settings) -> Iterable[NamedSystem]:
    folder = settings.systems_path and settings.systems_path.absolute()
    return [NamedSystem(name, path, "FLYWHEEL_SYSTEMS", folder) for name, path in settings.systems.items()]


def _in_file(file: Path) -> list[NamedSystem]:
    try:
        systems = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError, NotADirectoryError) as broken:
        raise DefinitionError(f"{file} cannot be read: {broken}. Mend it; docs/systems.md shows one.") from None
    return [_entry(file, name, values) for name, values in systems.items()]


def _entry(file: Path, name: str, values: object) -> NamedSystem:
    if not isinstance(values, Mapping) or not isinstance(values.get("path"), str):
        raise DefinitionError(f'{file}: [{name}] has no `path = "module:ATTRIBUTE"`.')
    folder = (file.parent / str(values["folder"])).absolute() if "folder" in values else None
    return NamedSystem(name, values["path"], str(file), folder)


def _toml(named: NamedSystem) -> str:
    quoted = {key: json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
              for key, value in (("path", named.path), ("folder", named.folder)) if value}  # fmt: skip
    return f"\n[{named.name}]\n" + "".join(f"{key} = {value}\n" for key, value in quoted.items())


def _check(named: NamedSystem) -> None:
    if not re.fullmatch(SYSTEM_NAME, named.name):
        raise DefinitionError(
            f"{named.name!r} ({named.origin}) is no name of a system: it begins with a letter from a to z, and has "
            "only such letters, digits and _ after it."
        )
    if not PATH.fullmatch(named.path):
        raise DefinitionError(
            f"system {named.name}: {named.path!r} ({named.origin}) is no import path such as `returns.system:RETURNS`."
        )
