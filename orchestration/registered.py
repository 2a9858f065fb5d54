"""Which release a Dagster run is about: the one that this run registered, or the run it goes on from."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from infra.errors import NotProven
from orchestration.release_inputs import newest_candidate
from orchestration.system import Installation
from training.release import Candidate

REGISTERED, VERSION = "registered_release", "version"
RANKER, TRAINING_RUN = "ranker", "mlflow run"


def version_of(context: dg.AssetExecutionContext) -> str:
    """The version that this run registered; raises NotProven when it registered none."""
    version = _told(context, REGISTERED, VERSION)
    if version is None:
        raise NotProven(
            f"run {context.run_id} registered no release. Run the whole job (`flywheel run release`), or name one: "
            "`flywheel prove VERSION`, then `flywheel promote VERSION --why …`."
        )
    return version


def candidate_of(context: dg.AssetExecutionContext, installation: Installation) -> Candidate:
    """The newest candidate; where this run trained one, it has to be that one, or NotProven is raised."""
    made, trained = newest_candidate(installation), _told(context, RANKER, TRAINING_RUN)
    if trained not in {None, made.figures.run_id}:
        raise NotProven(
            f"run {context.run_id} trained a candidate (MLflow run {trained}), and another run has put its own in its "
            f"place since ({made.figures.run_id}). Train again (`flywheel run retrain`)."
        )
    return made


def _told(context: dg.AssetExecutionContext, asset: str, name: str) -> str | None:
    """What an asset told last in this run or in those it is a retry of."""
    for run_id in _line(context):
        found: Any = None
        records = context.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        for record in records.records:
            made = record.asset_materialization
            if made is not None and made.asset_key == dg.AssetKey(asset):
                found = made.metadata.get(name)
        if found is not None:
            return str(found.value)
    return None


def _line(context: dg.AssetExecutionContext) -> Iterator[str]:
    """This run, the one it is a retry of, and so on."""
    run: dg.DagsterRun | None = context.run
    while run is not None:
        yield run.run_id
        run = context.instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
