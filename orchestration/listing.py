"""What `flywheel systems` says: a line for each system; of one system its files and its page."""

import importlib.util
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from infra.errors import FlywheelError
from infra.release_format import LIVE, read_live_pointer
from infra.settings import Settings
from infra.systems import BUILT_IN, NamedSystem, known
from orchestration.system import System, load_system

HEAD = ("system", "decision", "label after", "merit", "endpoint", "live release")
ROOT = Path(__file__).parent.parent
STAGES = ("validation", "feature_repo", "training", "serving", "monitoring", "orchestration", "orchestration/sources")
CASES = {
    "Decide": "/v1/decide",
    "Say": "/v1/decide",
}  # kind of policy → its endpoint; what orders a page is asked at PAGE
PAGE = "/v1/feed"


def endpoint(system: System) -> str:
    """Where the system's service is asked; a dash where it has none."""
    return CASES.get(type(system.policy).__name__, PAGE) if system.policy else "–"


def lines(settings: Settings) -> tuple[list[tuple[str, ...]], list[str]]:
    """A line for each known system, and a sentence about each that cannot be loaded."""
    rows: list[tuple[str, ...]] = []
    faults: list[str] = []
    for name in known(settings):
        own = settings.of(name)
        try:
            system = load_system(own)
            task = system.task
            decision = next((table.row for table in system.tables if table.name == task.decisions), task.decisions)
            row = (decision, _words(task.maturity), task.objective.merit, endpoint(system))
        except FlywheelError as fault:
            faults.append(str(fault))
            row = ("cannot be loaded", "–", "–", "–")
        rows.append((name, *row, live(own)))
    return rows, faults


def live(settings: Settings) -> str:
    """The version of the system's live release, a dash where there is none."""
    pointer = read_live_pointer(settings.releases / LIVE)
    return pointer.champion.version if pointer else "–"


def files(named: NamedSystem) -> list[Path]:
    """The files that define a system, its page among them."""
    return sorted(_built_in(named.name) if named.name in BUILT_IN else _in_package(named))


def _built_in(name: str) -> Iterator[Path]:
    for stage in STAGES:
        folder = ROOT / stage / ("" if stage.endswith("sources") else "systems")
        yield from (path for path in (folder / f"{name}.py", folder / name) if path.exists())
    yield from (path for path in (ROOT / "docs" / "systems" / f"{name}.md",) if path.exists())


def _in_package(named: NamedSystem) -> Iterator[Path]:
    named.load()  # so that Python knows where its modules are
    module = named.path.partition(":")[0]
    spec = importlib.util.find_spec(module.rpartition(".")[0] or module)
    origin = Path(spec.origin) if spec and spec.origin else None
    if origin and origin.name != "__init__.py":
        yield origin
    elif origin:
        yield from (path for path in origin.parent.rglob("*") if path.suffix in {".py", ".md"})


def _words(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours / 24:.3g} days" if hours >= 48 else f"{hours:.3g} h" if hours >= 1 else f"{hours * 60:.3g} min"
