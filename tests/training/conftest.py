"""What the tests of training share: a shop's rows, contenders trained on them once, and a registry of real MLflow."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # where `shop` is found

from shop import AT, FEATURES, LIMITS, TASK, made, served, wares

from infra.settings import Settings
from training.fitting import popular_lists, train
from training.fitting.train import Trained
from training.judging import TrainingRun, faults, judge
from training.registry import tracking
from training.registry.registry import Registry
from training.release import build as release
from training.release import report
from training.release.report import LoggedRun
from training.rows.dataset import Dataset
from validation.verdict import GateFinding, Verdict

Add = Callable[..., str]
Register = Callable[[Settings], str]


@pytest.fixture(scope="session")
def shop() -> Dataset:
    """Rows that only a model of interactions understands."""
    return made()


@pytest.fixture(scope="session")
def trained(shop: Dataset) -> Trained:
    """All contenders, trained on the shop."""
    return train.train_contenders(shop, TASK)


@pytest.fixture(scope="session")
def shuffled(shop: Dataset) -> Dataset:
    """The shop with labels that say nothing."""
    return faults.shuffled_labels(shop, TASK, seed=3)


@pytest.fixture(scope="session")
def learned_nothing(shuffled: Dataset) -> Trained:
    """All contenders, trained on labels that say nothing: no model is better than a baseline."""
    return judge.settle_on_baseline(train.train_contenders(shuffled, TASK), LIMITS)


@pytest.fixture(scope="session")
def built(shop: Dataset, trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of the shop's winner, version 1."""
    return build(tmp_path_factory.mktemp("built") / "1", trained, shop)


@pytest.fixture(scope="session")
def verdict(shop: Dataset, trained: Trained, built: Path) -> Verdict:
    """What the gates say of it."""
    return judge.judge_candidate(TrainingRun(trained, shop, TASK, FEATURES), LIMITS, built, replay=served)


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database as the first use makes it: seconds of migrations, paid once."""
    home = tmp_path_factory.mktemp("mlflow")
    tracking.mlflow_client(Settings(home=home)).search_experiments()
    return home / "mlflow" / "mlflow.db"


@pytest.fixture
def home(tmp_path: Path, empty_mlflow: Path) -> Settings:
    """A fresh installation with an empty MLflow."""
    (tmp_path / "mlflow").mkdir()
    shutil.copy(empty_mlflow, tmp_path / "mlflow" / "mlflow.db")
    return Settings(home=tmp_path)


@pytest.fixture
def registry(home: Settings) -> Registry:
    """An empty registry."""
    return Registry(home, "shop")


@pytest.fixture
def logged(home: Settings, shop: Dataset, trained: Trained) -> LoggedRun:
    """A recorded run."""
    return report.log_report(home, trained, shop, TASK, AT)


@pytest.fixture
def add(
    registry: Registry, logged: LoggedRun, shop: Dataset, trained: Trained, verdict: Verdict, tmp_path: Path
) -> Add:
    """Builds and registers one more release, by default one that passed; returns its version."""

    def registered(refused: str | None = None, best: str = "") -> str:
        version = registry.next_version()
        folder = build(tmp_path / "draft" / version, trained, shop, version)
        findings = [f for f in verdict.findings if f.gate != refused]
        if refused:
            findings.append(GateFinding(refused, False, None, None, "refused on purpose"))
        return registry.register(folder, logged, Verdict(tuple(findings), digest(folder), best))

    return registered


@pytest.fixture(scope="session")
def register(shop: Dataset, trained: Trained, verdict: Verdict, tmp_path_factory: pytest.TempPathFactory) -> Register:
    """Registers one more release of a linear model, which is made without OpenMP: a forked child can do it too."""
    draft = build(tmp_path_factory.mktemp("linear") / "1", replace(trained, winner="logistic_regression"), shop)

    def registered(home: Settings) -> str:
        run = tracking.mlflow_client(home).create_run(tracking.experiment_id(home, "shop")).info.run_id
        report = LoggedRun(run, {}, {"auc": 0.9}, draft.parent)
        return Registry(home, "shop").register(draft, report, Verdict(verdict.findings, digest(draft)))

    return registered


@pytest.fixture(scope="session")
def before(register: Register, empty_mlflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation in which releases 1 and 2 went live in turn, and 3 may."""
    home = Settings(home=tmp_path_factory.mktemp("before"))
    (home.home / "mlflow").mkdir()
    shutil.copy(empty_mlflow, home.home / "mlflow" / "mlflow.db")
    registry = Registry(home, "shop")
    for minute in range(2):
        registry.promote(register(home), who="ada", why="better", at=AT + timedelta(minutes=minute))
    register(home)
    return home


@pytest.fixture
def live_home(before: Settings, tmp_path: Path) -> Settings:
    """A copy of it to break; its own folder, because MLflow keeps one engine open for each database."""
    shutil.copytree(before.home, tmp_path / "home")
    return Settings(home=tmp_path / "home")


@pytest.fixture
def live_registry(live_home: Settings) -> Registry:
    """Its registry."""
    return Registry(live_home, "shop")


def build(folder: Path, trained: Trained, shop: Dataset, version: str = "1") -> Path:
    """A release folder."""
    popular = popular_lists.build_popular_lists(shop.frame, wares(), TASK.fallback_lists, AT)
    release.build_release(folder, trained, shop, FEATURES, TASK, popular, b"{}", version=version, created_at=AT)
    return folder


def digest(folder: Path) -> str:
    """What a verdict names the release by."""
    from infra.manifest import verify

    return verify(folder).digest
