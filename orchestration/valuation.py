"""What releases would have been worth on pages in random order: the newest judge rows, ordered by each of them."""

from collections.abc import Sequence

from infra.errors import DefinitionError, ReleaseMismatch
from infra.manifest import read_manifest
from orchestration.system import Installation
from training.fitting import as_judged, divided
from training.measuring import PolicyValue
from training.release import RandomPages, random_pages


def valued(installation: Installation, versions: Sequence[str]) -> tuple[dict[str, PolicyValue], RandomPages]:
    """The value of each release, and the pages on which it was estimated; raises DefinitionError without a log of lots.

    None of them learned from the judge rows of the newest training set.
    """
    task, registry = installation.system.task, installation.registry
    scorers = {version: registry.scorer(version) for version in versions}
    data = installation.training_set()
    for version in versions:
        features = tuple(read_manifest(registry.folder(version)).features)
        if features != data.features:
            raise ReleaseMismatch(
                f"release {version} reads {len(features)} features, the training set has {len(data.features)} others "
                "or in another order. Value a release of these features, or train again (`flywheel run train`)."
            )
    judge = divided(data, task)["judge"]
    model = next((scorer for scorer in scorers.values() if scorer.probabilistic), None)
    pages = random_pages(installation.lake, installation.tables, data, task, judge, model)
    if pages is None:
        raise DefinitionError(
            f"task {task.name}: `place` and `propensity` name no columns of {task.decisions}, so it is not known "
            "what was shown by lot. Name them in the task's definition, and log both."
        )
    served = as_judged(data, task, judge)
    return {version: pages.value(scorer.scores(served)) for version, scorer in scorers.items()}, pages
