"""Where things are and how they are reached: read once from the environment (prefix FLYWHEEL_) by every stage."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


@dataclass(frozen=True)
class FileLimits:
    """How large a delivered file may be. A larger one is refused by name before it is read whole (docs/landing.md).

    file_bytes      of the file as it lies there
    unpacked_bytes  of its values when they are unpacked: a Parquet file of 3 MB can hold 20 GB
    rows, columns   of the file
    line_bytes      of one line; a longer one is quarantined alone, and the lines around it are taken
    """

    file_bytes: int = 2 << 30
    unpacked_bytes: int = 2 << 30
    rows: int = 10_000_000
    columns: int = 1_000
    line_bytes: int = 1 << 20


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
    max_file_bytes: PositiveInt = FileLimits.file_bytes
    """How large a delivered file may be; this and the next four are explained in FileLimits."""
    max_unpacked_bytes: PositiveInt = FileLimits.unpacked_bytes
    max_rows: PositiveInt = FileLimits.rows
    max_columns: PositiveInt = FileLimits.columns
    max_line_bytes: PositiveInt = FileLimits.line_bytes
    replay_from: datetime | None = None
    """Replayed events live in their own time: a process asking for the time is told it is this moment at its start."""

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking and registry address."""
        return self.mlflow_uri or f"sqlite:///{self.home.absolute()}/mlflow/mlflow.db"

    @property
    def file_limits(self) -> FileLimits:
        """How large a delivered file may be."""
        sizes = (self.max_file_bytes, self.max_unpacked_bytes, self.max_rows, self.max_columns, self.max_line_bytes)
        return FileLimits(*sizes)

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
