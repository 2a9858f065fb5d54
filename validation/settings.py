"""Where things are and how they are reached: read once from the environment (prefix FLYWHEEL_) by every stage."""

from datetime import UTC, datetime
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one installation. The defaults are the embedded profile: everything below `home`, on loopback."""

    model_config = SettingsConfigDict(env_prefix="FLYWHEEL_", frozen=True)

    home: Path = Path(".flywheel")
    redis_url: str = "redis://127.0.0.1:6479/0"
    mlflow_uri: str | None = None
    service_host: str = "127.0.0.1"
    service_port: int = 3700
    service_workers: int = 2
    """Processes that answer on one port: one of them may die without an answer missing."""
    keyring: Path | None = None
    """The file of secrets (docs/serving.md, Access); else `keyring.json` in `home`, made at first start on loopback."""
    open_on_loopback: tuple[str, ...] = ("observe",)
    """Roles that need no token when a request comes over loopback, for example `["observe", "rank"]`."""
    item_capacity: int = 1 << 23
    """How many items the service has room for. Room costs nothing until it is used."""
    dagster_port: int = 3701
    mlflow_port: int = 3702
    spark_master: str = "local[2]"
    spark_memory: str = "768m"
    spark_shuffle_partitions: int = 4
    hand_over_s: float = 5.0
    """How long the service writes to one file before it hands it over to the landing."""
    history_days: int | None = None
    """The days a model learns from; the system's own number when absent. Sparse data needs more of them."""
    replay_from: datetime | None = None
    """Replayed events live in their own time: a process asking for the time is told it is this moment at its start."""

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking and registry address."""
        return self.mlflow_uri or f"sqlite:///{self.home.absolute()}/mlflow/mlflow.db"

    @property
    def landing(self) -> Path:
        """Where delivered files wait for ingestion, one folder a table."""
        return self.home / "landing"

    @property
    def lake(self) -> Path:
        """Where accepted tables and everything computed from them live."""
        return self.home / "lake"

    @property
    def releases(self) -> Path:
        """Where the registry publishes which release is live, for serving to follow."""
        return self.home / "releases"

    @property
    def reports(self) -> Path:
        """Where pages for people are written."""
        return self.home / "reports"


def utc(moment: datetime) -> datetime:
    """The same moment in UTC; a moment without a zone is taken to be UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
