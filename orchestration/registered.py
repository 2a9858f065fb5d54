"""Which release a Dagster run is about: the one registered by this run, or by the run that it retries."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from infra.errors import NotProven
from infra.manifest import read_manifest
from orchestration.naming import beside
from orchestration.release_inputs import newest_candidate
from orchestration.system import Installation
from training.release import Candidate, definition_of

REGISTERED, VERSION = "registered_release", "version"
RANKER, TRAINING_RUN = "ranker", "mlflow run"


def version_of(context: dg.AssetExecutionContext) -> str:
    """The version that this run registered; raises NotProven when it registered none."""
    version = _recorded(context, REGISTERED, VERSION)
    if version is None:
        raise NotProven(
            f"run {context.run_id} registered no release. Run the whole job (`flywheel run release`), or name one: "
            "`flywheel prove VERSION`, then `flywheel promote VERSION --why …`."
        )
    return version


def candidate_of(context: dg.AssetExecutionContext, installation: Installation) -> Candidate:
    """The newest candidate; where this run trained one, it has to be that one, or NotProven is raised.

    A run that trained none takes one that was trained as the system defines it: what a search found is promoted by the
    version it got, or by taking its settings into the definition.
    """
    candidate, trained = newest_candidate(installation), _recorded(context, RANKER, TRAINING_RUN)
    if trained not in {None, candidate.figures.run_id}:
        raise NotProven(
            f"run {context.run_id} trained a candidate (MLflow run {trained}), and another run has put its own in its "
            f"place since ({candidate.figures.run_id}). Train again (`flywheel run retrain`)."
        )
    if trained is None:
        _must_be_as_defined(candidate, installation)
    return candidate


def _must_be_as_defined(candidate: Candidate, installation: Installation) -> None:
    manifest = read_manifest(candidate.folder)
    if manifest.training and manifest.training.contender != definition_of(installation.system.task, manifest.ranker):
        raise NotProven(
            f"the newest candidate's {manifest.ranker} was trained with other settings than the system defines: by a "
            "search, or before the definition changed. Train again (`flywheel run train`); what a search found and "
            "registered goes live by its version (`flywheel prove VERSION`, then `flywheel promote VERSION --why …`)."
        )


def _recorded(context: dg.AssetExecutionContext, asset: str, name: str) -> str | None:
    """The value that an asset recorded last in this run or in those it is a retry of."""
    key = beside(context.asset_key, asset)
    for run_id in _line(context):
        value: Any = None
        records = context.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        for record in records.records:
            materialization = record.asset_materialization
            if materialization is not None and materialization.asset_key == key:
                value = materialization.metadata.get(name)
        if value is not None:
            return str(value.value)
    return None


def _line(context: dg.AssetExecutionContext) -> Iterator[str]:
    """This run, the one it is a retry of, and so on."""
    run: dg.DagsterRun | None = context.run
    while run is not None:
        yield run.run_id
        run = context.instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
