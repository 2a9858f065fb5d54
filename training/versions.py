"""Model versions in MLflow: each holds a release folder, the verdict on it and what it promised."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from training import tracking
from validation.errors import NotProven, ReleaseMismatch
from validation.manifest import Manifest
from validation.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from training.report import Report

RELEASE, VERDICT, PROMISED = "release", "verdict.json", "promised.json"


class Versions:
    """The versions of one registered model."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name

    def next(self) -> str:
        """The number MLflow gives next."""
        return str(1 + max(self._numbers(), default=0))

    def newest(self) -> str:
        """The number of the version made last; raises NotProven when there is none."""
        numbers = self._numbers()
        if not numbers:
            raise NotProven(f"{self._name}: nothing is registered yet. Train a release (`flywheel run train`).")
        return str(max(numbers))

    def _numbers(self) -> list[int]:
        return [int(found.version) for found in self._client.search_model_versions(f"name='{self._name}'")]

    def create(
        self, folder: Path, manifest: Manifest, report: "Report", verdict: bytes, tags: Mapping[str, str]
    ) -> str:
        """Store a release folder, its verdict and its figures as one more version."""
        from mlflow.exceptions import MlflowException

        client = self._client
        model_id = self._model(folder, manifest, report)
        client.log_model_artifacts(model_id, str(folder), RELEASE)
        with tempfile.TemporaryDirectory() as beside:
            (Path(beside) / VERDICT).write_bytes(verdict)
            (Path(beside) / PROMISED).write_bytes(msgspec.json.encode(dict(report.promised)))
            client.log_model_artifacts(model_id, beside)
        if manifest.kind != "xgboost":
            client.finalize_logged_model(model_id, "READY")
        try:
            client.create_registered_model(self._name)
        except MlflowException as exists:
            if exists.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = client.get_logged_model(model_id).artifact_location
        made = client.create_model_version(self._name, source, run_id=report.run_id, model_id=model_id, tags=dict(tags))
        return str(made.version)

    def tags(self, number: str) -> Mapping[str, str]:
        """The tags of a version; raises ReleaseMismatch when there is none of that number."""
        return dict(self._version(number).tags)

    def artefact(self, number: str, name: str) -> bytes:
        """One stored file beside the release, read again."""
        with tempfile.TemporaryDirectory() as scratch:
            return Path(self._download(number, name, Path(scratch))).read_bytes()

    def fetch(self, number: str, target: Path) -> None:
        """A fresh copy of the release's files; what stood in the folder goes."""
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetched-") as scratch:
            found = self._download(number, RELEASE, Path(scratch))
            shutil.rmtree(target, ignore_errors=True)
            found.rename(target)

    def alias(self, name: str, number: str | None) -> None:
        """Let an alias name a version, or none."""
        if number is None:
            self._client.delete_registered_model_alias(self._name, name)
        else:
            self._client.set_registered_model_alias(self._name, name, number)

    def aliases(self) -> dict[str, str]:
        """Which version each alias names."""
        found = self._client.get_registered_model(self._name).aliases
        return {name: str(number) for name, number in found.items()}

    @property
    def _client(self) -> "MlflowClient":
        return tracking.client(self._settings)

    def _version(self, number: str) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_model_version(self._name, number)
        except MlflowException as absent:
            raise ReleaseMismatch(
                f"release {number} of {self._name}: the registry has none of that version. "
                "See which there are (`flywheel releases`)."
            ) from absent

    def _download(self, number: str, name: str, target: Path) -> Path:
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        source = self._version(number).source
        try:
            return Path(download_artifacts(artifact_uri=f"{source}/{name}", dst_path=str(target)))
        except (MlflowException, OSError) as lost:
            raise ReleaseMismatch(
                f"release {number} of {self._name}: {name} cannot be read: {lost}. Retrain it."
            ) from lost

    def _model(self, folder: Path, manifest: Manifest, report: "Report") -> str:
        """The id of a logged model: with MLflow's own XGBoost flavour, or plain files for the other kinds."""
        if manifest.kind == "xgboost":
            return _log_booster(folder / "model.ubj", manifest, report)
        experiment = tracking.experiment(self._settings, manifest.system)
        made = self._client.create_logged_model(experiment, name="ranker", source_run_id=report.run_id)
        return str(made.model_id)


def _log_booster(path: Path, manifest: Manifest, report: "Report") -> str:
    import mlflow.xgboost
    import numpy as np
    import xgboost as xgb
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    width = len(manifest.features)
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float32"), (-1, width))]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1,))]),
    )
    with mlflow.start_run(run_id=report.run_id):
        logged = mlflow.xgboost.log_model(
            xgb.Booster(model_file=str(path)),
            name="ranker",
            model_format="ubj",
            signature=signature,
            pip_requirements=[_xgboost()],  # given, or MLflow runs the model in a child to find out
        )
    return str(logged.model_id)


def _xgboost() -> str:
    for name in ("xgboost-cpu", "xgboost"):
        try:
            return f"{name}=={version(name)}"
        except PackageNotFoundError:
            continue
    return "xgboost"


def sha256(content: bytes) -> str:
    """The digest under which stored bytes are tagged."""
    return hashlib.sha256(content).hexdigest()
