"""Whether the columns that a task names are there, told when a system is put together and not when labels are built."""

from collections.abc import Iterable, Iterator, Mapping

from feature_repo.definition import FeatureSet
from feature_repo.request_time import Context
from infra.errors import DefinitionError
from training.definition import Task
from validation.contract import Table, unknown

MADE = ("event_timestamp", "gain", "weight", "day")
"""Columns that labels have besides those of the decisions and the outcomes."""


def check_columns(task: Task, features: FeatureSet, tables: Mapping[str, Table]) -> None:
    """Raises DefinitionError for a table, column or feature that the task names and that is not there."""
    for name in (task.decisions, task.outcomes_in):
        if name not in tables:
            raise DefinitionError(f"task {task.name}: table {unknown(name, tables)}")
    decisions = [column.name for column in tables[task.decisions].columns]
    lookups = [lookup for lookup in features.lookups if lookup.on in decisions]
    of_rows = [*decisions, *(name for lookup in lookups for name in lookup.columns)]
    own_features = [feature.name for feature in features.features]
    anywhere = [*of_rows, *own_features, *(outcome.name for outcome in task.outcomes), *MADE]
    _all_there(task, f"rows of {task.decisions}", _of_rows(task, features), of_rows)
    _all_there(task, f"objective {type(task.objective).__name__}", task.objective.roles.items(), anywhere)
    _all_there(task, "slices", ((f"slice {s.name}", s.of) for s in task.slices), anywhere)
    _all_there(task, "contenders", _features_named(task), own_features)
    given = [feature.name for feature in features.features if isinstance(feature, Context)]
    _all_there(task, "context features", (("logged_only", name) for name in task.logged_only), given)


def _of_rows(task: Task, features: FeatureSet) -> Iterator[tuple[str, str]]:
    yield from ((word, getattr(task, word)) for word in ("unit", "cluster", "item", "attribute", "place", "propensity"))
    yield from (("match", name) for name in task.match)
    yield from (("exact", name) for name in task.exact)
    yield from (("entity", name) for name in features.entities)


def _features_named(task: Task) -> Iterator[tuple[str, str]]:
    yield "base of the objective", getattr(task.objective, "base", None) or ""
    yield from ((f"contender {c.name}", getattr(c, "feature", "")) for c in task.contenders)


def _all_there(task: Task, among: str, named: Iterable[tuple[str, str]], defined: list[str]) -> None:
    for word, name in named:
        if name and name not in defined:
            raise DefinitionError(f"task {task.name}: {word}, among the {among}: {unknown(name, defined)}")
