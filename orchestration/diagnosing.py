"""Why the live release does worse: a day's serving log against training, by feature and by slice."""

from datetime import date
from typing import Any

import numpy as np

from infra.arrays import AnyArray
from infra.errors import Unavailable
from monitoring import diagnosis
from monitoring.definition import PLAIN
from monitoring.diagnosis import Diagnosis
from monitoring.reference import Reference
from orchestration.observed import Observed
from orchestration.release_inputs import REFERENCE
from orchestration.system import Installation
from training.fitting import sliced


def diagnose(installation: Installation, day: date, version: str | None = None) -> Diagnosis:
    """What a release served on a day, by default the live one, against what it was trained on; in three steps.

    Raises Unavailable before there is a release, and for a day that monitoring has not looked at.
    """
    version, observed = version or installation.registry.live(), Observed.load(installation, day)
    if version is None:
        raise Unavailable("nothing to diagnose: no release is live. Train one (`flywheel run retrain`).")
    if observed is None:
        raise Unavailable(
            f"{day}: monitoring has no rows of it. Look at the day first: `flywheel run monitor --day {day}`"
        )
    rows, served = observed.served_by_release(version)
    reference = reference_of(installation, version)
    task = installation.system.task
    happened = np.where(observed.judged, observed.dataset.column(task.target, labels_first=True), np.nan)[rows]
    return diagnosis.diagnose(
        reference,
        served,
        observed.matrix[rows],
        observed.logged_scores(installation, version)[rows],
        slices_of(installation, observed, rows),
        installation.system.watch or PLAIN,
        observed.users(installation)[rows],
        happened.astype(np.float64),
    )


def reference_of(installation: Installation, version: str) -> Reference:
    """What a release was judged on, as distributions."""
    return Reference.from_json((installation.registry.folder(version) / REFERENCE).read_bytes())


def slices_of(installation: Installation, observed: Observed, rows: AnyArray) -> dict[str, Any]:
    """Slicing → the word of each of these rows, by the columns of labels, or by features as training makes them."""
    dataset = observed.dataset
    return {
        by.name: sliced(dataset.column(by.of, labels_first=not by.edges)[rows], by)
        for by in installation.system.task.slices
    }
