"""Studies of the newest training set: which contender is studied, on which rows, and where the page goes."""

import time
from collections.abc import Sequence
from pathlib import Path

from feature_repo.folding import Snapshots
from infra.errors import DefinitionError
from orchestration.system import Installation
from training.contenders import ByColumn, Contender
from training.release import newest_winner
from training.studies import (
    AGES,
    Refits,
    SearchOutcome,
    StudyPage,
    feature_groups,
    group_costs,
    leave_groups_out,
    model_staleness,
    page_of,
    search_settings,
    seed_noise,
    thinned,
    write_page,
)
from validation.contract import unknown

NIGHTLY = ("seeds", "staleness", "groups")
STUDIES = (*NIGHTLY, "search")


def search_outcome(installation: Installation) -> tuple[SearchOutcome, StudyPage]:
    """The search on the newest training set, with its page, which is kept."""
    began = time.process_time()
    outcome = search_settings(installation.training_set(), installation.system.task)
    page = page_of(outcome)
    _keep(installation, page, began)
    return outcome, page


def study(installation: Installation, name: str, ages: Sequence[int] = AGES) -> tuple[StudyPage, Path]:
    """One study of the newest training set: its page, and where it is kept; raises DefinitionError for another name."""
    if name not in STUDIES:
        raise DefinitionError(f"study {unknown(name, STUDIES)}")
    began = time.process_time()
    page = _page(installation, name, ages)
    return page, _keep(installation, page, began)


def studied_contender(installation: Installation) -> Contender:
    """The model that won the newest training; where none did, the last contender of the definition that is a model."""
    task = installation.system.task
    models = {c.name: c for c in task.contenders if not isinstance(c, ByColumn)}
    if not models:
        raise DefinitionError(f"task {task.name}: every contender is a column; there is no model to study")
    winner = newest_winner(installation.settings, installation.system.name)
    return models.get(winner or "", [*models.values()][-1])


def _keep(installation: Installation, page: StudyPage, began: float) -> Path:
    used = time.process_time() - began
    return write_page(installation.settings, installation.system.name, page, installation.now(), used)


def _page(installation: Installation, name: str, ages: Sequence[int]) -> StudyPage:
    task, features = installation.system.task, installation.system.features
    dataset = installation.training_set()
    if name == "search":
        return page_of(search_settings(dataset, task))
    rows, contender = thinned(dataset, task), studied_contender(installation)
    if name == "seeds":
        version = installation.registry.live()
        live = installation.registry.folder(version) if version else None
        return page_of(seed_noise(Refits.of(rows, task), contender, live=live))
    if name == "staleness":
        return page_of(model_staleness(rows, task, contender, ages))
    outcome = leave_groups_out(rows, task, features, contender, installation.system.limits.champion_margin)
    entities = Snapshots(installation.lake, features).entities()
    return page_of(outcome, group_costs(features, feature_groups(features, rows.features), rows, entities))
