"""Model versions in MLflow: each holds a release folder, the verdict on it and its figures on the judge rows."""

import re
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from infra import failpoint
from infra.errors import ReleaseMismatch, Unavailable
from infra.manifest import Manifest, digest_of, manifest_with_version
from infra.release_format import MANIFEST, TREES
from infra.settings import Settings
from training.registry import tracking
from training.registry.aliases import aliases, verdicts

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from training.registry.logged_run import LoggedRun

NUMBER = re.compile(r"[1-9][0-9]{0,17}")  # as MLflow gives it; it also takes `07` or ` 7` for 7
RELEASE, VERDICT, PROMISED = "release", "verdict.json", "promised.json"
MANIFEST_SHA256, SIGNED = "manifest_sha256", "manifest_signature"


class Versions:
    """The versions of one registered model."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name

    def next(self) -> str:
        """The number that MLflow probably gives next; it is certain only when MLflow has given it."""
        return str(1 + max((int(entry.version) for entry in self._all()), default=0))

    def newest(self) -> str | None:
        """The number of the version made last, None before the first; one registered only in part does not count."""
        return next(reversed(self.complete()), None)

    def complete(self) -> list[str]:
        """The numbers of all versions that were registered completely, in order."""
        return sorted((str(entry.version) for entry in self._all() if MANIFEST_SHA256 in entry.tags), key=int)

    def create(
        self, folder: Path, manifest: Manifest, report: "LoggedRun", verdict: bytes, tags: Mapping[str, str],
        sign: Callable[[bytes], bytes] | None,
    ) -> str:  # fmt: skip
        """Store a release folder, its verdict and its figures as one more version; returns the number MLflow gave.

        sign  gives the signature of its manifest; without it the release can never be served

        The stored manifest names that number. The tag `MANIFEST_SHA256` is written last: without it a version is
        incomplete.
        """
        with tracking.answering(self._settings) as client:
            model_id = self._model(client, folder, manifest, report)
            client.log_model_artifacts(model_id, str(folder), RELEASE)
            _store(client, model_id, {VERDICT: verdict, PROMISED: msgspec.json.encode(dict(report.promised))})
            if manifest.kind != "xgboost":
                client.finalize_logged_model(model_id, "READY")
            failpoint.reached("registry-files-stored")
            self._ensure_registered_model(client)
            source = client.get_logged_model(model_id).artifact_location
            registered = client.create_model_version(
                self._name, source, run_id=report.run_id, model_id=model_id, tags=dict(tags)
            )
            number = str(registered.version)
            failpoint.reached("registry-version-made")
            manifest_bytes = manifest_with_version(folder, number)
            _store(client, model_id, {MANIFEST: manifest_bytes}, RELEASE)
            if sign:
                client.set_model_version_tag(self._name, number, SIGNED, sign(manifest_bytes).decode())
            client.set_model_version_tag(self._name, number, MANIFEST_SHA256, digest_of(manifest_bytes))
        failpoint.reached("registry-version-whole")
        return number

    def tags(self, number: str) -> Mapping[str, str]:
        """The tags of a version; raises ReleaseMismatch when there is none of that number."""
        return dict(self._version(number).tags)

    def tag(self, number: str, name: str, value: str) -> None:
        """Set a tag of a version."""
        self._version(number)
        with tracking.answering(self._settings) as client:
            client.set_model_version_tag(self._name, number, name, value)

    def artefact(self, number: str, name: str) -> bytes:
        """One stored file beside the release, read again."""
        with tempfile.TemporaryDirectory() as scratch:
            return Path(self.download(number, name, Path(scratch))).read_bytes()

    def alias(self, name: str, number: str | None) -> None:
        """Let an alias name a version, or none; raises ReleaseMismatch when there is none of that number."""
        from mlflow.exceptions import MlflowException

        try:
            with tracking.answering(self._settings) as client:
                if number is None:
                    client.delete_registered_model_alias(self._name, name)
                else:
                    client.set_registered_model_alias(self._name, name, number)
        except MlflowException as absent:
            if number is not None:  # else there is no model, and so no alias to remove
                raise self._absent(number) from absent

    def aliases(self) -> dict[str, str]:
        """Which version each alias names."""
        return aliases(self._settings, self._name)

    def verdicts(self) -> dict[str, str]:
        """What the gates said of each version that was registered completely: `passed` or `refused`."""
        return verdicts(self._settings, self._name)

    def download(self, number: str, name: str, target: Path) -> Path:
        """A fresh copy of a stored file or folder; raises ReleaseMismatch when it is gone."""
        import requests
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        source = self._version(number).source
        try:
            return Path(download_artifacts(artifact_uri=f"{source}/{name}", dst_path=str(target)))
        except requests.RequestException as down:
            raise Unavailable(f"release {number} of {self._name}: MLflow does not answer: {down}. Try again.") from down
        except (MlflowException, OSError) as lost:
            raise ReleaseMismatch(
                f"release {number} of {self._name}: {name} cannot be read: {lost}. "
                "Promote another one (`flywheel promote VERSION`) or train anew (`flywheel run retrain`)."
            ) from lost

    def _all(self) -> list[Any]:
        with tracking.answering(self._settings) as client:
            return list(client.search_model_versions(f"name='{self._name}'"))

    def _version(self, number: str) -> Any:
        from mlflow.exceptions import MlflowException

        if not NUMBER.fullmatch(number):  # one release by two names would be two for the history
            raise self._absent(number)
        try:
            with tracking.answering(self._settings) as client:
                return client.get_model_version(self._name, number)
        except MlflowException as absent:
            raise self._absent(number) from absent

    def _absent(self, number: str) -> ReleaseMismatch:
        return ReleaseMismatch(
            f"release {number} of {self._name}: MLflow has no version of that number. "
            "See which there are (`flywheel releases`)."
        )

    def _ensure_registered_model(self, client: "MlflowClient") -> None:
        """Make the registered model at its first version."""
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(self._name)
        except MlflowException as exists:
            if exists.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _model(self, client: "MlflowClient", folder: Path, manifest: Manifest, report: "LoggedRun") -> str:
        """The id of a logged model: with MLflow's own XGBoost flavour, or plain files for the other kinds."""
        if manifest.kind == "xgboost":
            ended = client.get_run(report.run_id).info.end_time
            model_id = _log_booster(folder / TREES, manifest, report)
            client.set_terminated(report.run_id, end_time=ended)  # logging the model has set it to a later time
            return model_id
        experiment = tracking.experiment_id(self._settings, manifest.system)
        model = client.create_logged_model(experiment, name="ranker", source_run_id=report.run_id)
        return str(model.model_id)


def _store(client: "MlflowClient", model_id: str, files: Mapping[str, bytes], folder: str | None = None) -> None:
    """Put some small files beside a logged model."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in files.items():
            (Path(scratch) / name).write_bytes(content)
        client.log_model_artifacts(model_id, scratch, folder)


def _log_booster(path: Path, manifest: Manifest, report: "LoggedRun") -> str:
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
            pip_requirements=[_xgboost()],  # without it MLflow runs the model in a child process to find out
        )
    return str(logged.model_id)


def _xgboost() -> str:
    for name in ("xgboost-cpu", "xgboost"):
        try:
            return f"{name}=={version(name)}"
        except PackageNotFoundError:
            continue
    return "xgboost"
