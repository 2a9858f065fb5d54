"""The settings of an installation, such as folders and addresses, from environment variables (prefix FLYWHEEL_)."""

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

LONGEST_SOCKET = 100  # bytes: the kernel takes 104 to 108
WRITER_WAIT_S = 600.0
AT_ONCE = "at_once"
SYSTEM_NAME = r"^[a-z][a-z0-9_]*$"
SHARED = Path(f"/tmp/flywheel-{os.getuid()}")


@dataclass(frozen=True)
class FileLimits:
    """How large a delivered file may be. A larger one is refused by name before it is read whole (docs/landing.md).

    file_bytes      of the file
    unpacked_bytes  of its unpacked values: a Parquet file of 3 MB can hold 20 GB
    rows, columns   of the file
    line_bytes      of one line; a longer one is quarantined, and the other lines are ingested
    """

    file_bytes: int = 2 << 30
    unpacked_bytes: int = 2 << 30
    rows: int = 10_000_000
    columns: int = 1_000
    line_bytes: int = 1 << 20


class Settings(BaseSettings):
    """The settings of one installation. The defaults are the embedded profile: everything below `home`, on loopback."""

    model_config = SettingsConfigDict(env_prefix="FLYWHEEL_", frozen=True, hide_input_in_errors=True)

    home: Path = Path(".flywheel")
    system: str = Field("home_feed", pattern=SYSTEM_NAME)
    """Which system is meant (docs/systems.md); `flywheel --system NAME` says the same for one command."""
    enabled: str = ""
    """The systems of Dagster's code location, by name, with commas between them; when empty only `system`."""
    systems: dict[str, str] = Field(default_factory=dict)
    """Systems from elsewhere: name → `module:ATTRIBUTE`, as JSON."""
    systems_path: Path | None = None
    """A folder in which Python looks for their modules, too."""
    redis_url: str = Field(default_factory=lambda fields: socket_url(fields["home"]), repr=False)
    """The online store; without one a Unix socket below `home`, in a folder that only its owner can enter."""
    redis_accept_old: bool = False
    """Take a Redis that predates the fix of CVE-2025-49844."""
    mlflow_uri: str | None = Field(None, repr=False)
    service_host: str = "127.0.0.1"
    service_port: int = 3700
    service_workers: int = 2
    """Processes that answer on one port: when one dies, the others go on answering."""
    keyring: Path | None = None
    """The file of secrets (docs/serving.md, Access); else `keyring.json` in `home`, made at first start on loopback."""
    release_public_key: Path | None = None
    """The public key whose signature a release has to bear (docs/serving.md, Signed); else `release_key.pub` in
    `home`."""
    open_on_loopback: tuple[str, ...] = ("observe",)
    """Roles that need no token when a request comes over loopback, for example `["observe", "rank"]`."""
    connections: int = 4096
    """How many connections a worker keeps open; one more closes the one that has been idle longest."""
    connections_a_peer: int = 1024
    """How many of them one address (of IPv6 one /64 network) may hold; loopback and `trusted_proxies` all of them."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of load balancers, for example `["10.1.0.0/16"]`: many callers come from one address."""
    head_s: float = 10.0
    """How long a caller may take to send the headers of a request."""
    body_s: float = 30.0
    """How long to send its body; and to take an answer."""
    keep_alive_s: float = 75.0
    """How long a connection may rest between two requests: longer than a balancer rests its own (60 s is usual)."""
    traces: str | None = None
    """Where traces of requests go: an OTLP/HTTP address such as http://127.0.0.1:4318/v1/traces; none where absent."""
    traces_share: float = Field(0.01, ge=0.0, le=1.0)
    """The share of the requests that is traced at most; of those with a caller's trace only those that it samples."""
    item_capacity: int = 1 << 23
    """How many items the service has room for. Unused room costs no memory."""
    schedules: bool = False
    """Whether Dagster's schedules and sensors are on from the start; each can be switched by hand in its interface."""
    dagster_port: int = 3701
    mlflow_port: int = 3702
    metrics_port: int = 3703
    """Where `flywheel metrics` shows the figures of the jobs; those of a service are at its own /metrics."""
    console_port: int = 3704
    """Where the pages of `flywheel console` are; they are served on loopback only."""
    spark_master: str = "local[2]"
    spark_memory: str = "768m"
    spark_shuffle_partitions: int = 4
    writer_wait_s: float = WRITER_WAIT_S
    """How long a writer waits for another one of the same table; with 0 it fails at once and names the other one."""
    hand_over_s: float = 5.0
    """How long the service writes to one file before it hands it over to the landing."""
    max_file_bytes: PositiveInt = FileLimits.file_bytes
    """How large a delivered file may be; this and the next four are explained in FileLimits."""
    max_unpacked_bytes: PositiveInt = FileLimits.unpacked_bytes
    max_rows: PositiveInt = FileLimits.rows
    max_columns: PositiveInt = FileLimits.columns
    max_line_bytes: PositiveInt = FileLimits.line_bytes
    pseudonyms: bool | None = None
    """Whether a new home keeps keyed hashes in place of ids of persons, which it does by default; a home stays as it
    was made."""
    history_days: int | None = None
    """The days a model learns from; the system's own number when absent. Sparse data needs more of them."""
    retrain_within_days: PositiveInt = 30
    """For so long a release may stay live that learned from somebody who was erased since."""
    rollout: Literal["staged", "at_once"] = "staged"
    """How a new release that passed its gates begins: in shadow (docs/rollout.md), or at once for all askers, for
    installations without traffic to try it on."""
    replay_from: datetime | None = None
    """For replayed events: the moment at which the clock of a process starts, instead of the time now."""
    replay_clock: Path | None = None
    """With `replay_from`: a file that moves the clock of the service while it runs, so that days pass in minutes."""
    patience_s: float = 60.0
    """A process that is waited for is given up after so long without CPU time and without a new line in its log."""
    longest_wait_s: float = 1800.0
    """The longest wait for a process that does work."""

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking and registry address."""
        return self.mlflow_uri or f"sqlite:///{quote(str(self.home.absolute()))}/mlflow/mlflow.db"

    @property
    def file_limits(self) -> FileLimits:
        """How large a delivered file may be."""
        sizes = (self.max_file_bytes, self.max_unpacked_bytes, self.max_rows, self.max_columns, self.max_line_bytes)
        return FileLimits(*sizes)

    def of(self, system: str) -> "Settings":
        """The same settings for another system of this installation."""
        return self if system == self.system else self.model_copy(update={"system": system})

    @property
    def enabled_systems(self) -> tuple[str, ...]:
        """The names of the systems of Dagster's code location, each once, in the order given."""
        return tuple(dict.fromkeys(filter(None, map(str.strip, self.enabled.split(","))))) or (self.system,)

    @property
    def part(self) -> Path:
        """The system's part of the home; Redis, MLflow, Dagster, secrets and logs are shared by all of them."""
        return self.home / "systems" / self.system

    @property
    def landing(self) -> Path:
        """Where delivered files wait for ingestion, one folder a table."""
        return self.part / "landing"

    @property
    def lake(self) -> Path:
        """Where accepted tables and everything computed from them are stored."""
        return self.part / "lake"

    @property
    def releases(self) -> Path:
        """Where the registry publishes which release is live, for serving to follow."""
        return self.part / "releases"

    @property
    def candidates(self) -> Path:
        """The newest candidate release, its verdict and its figures."""
        return self.part / "candidates"

    @property
    def reports(self) -> Path:
        """Where pages and reports are written."""
        return self.part / "reports"

    @property
    def serving(self) -> Path:
        """What the service keeps: item states, copies of releases, metrics."""
        return self.part / "serving"

    @property
    def stream(self) -> Path:
        """What the stream has counted."""
        return self.part / "stream"

    def log(self, process: str) -> Path:
        """The file of what a process of this system writes, such as its service."""
        return self.home / "logs" / f"{process}-{self.system}.log"


def socket_url(home: Path) -> str:
    """The address of an installation's own Redis."""
    path = home.absolute() / "redis" / "redis.sock"
    if len(os.fsencode(path)) > LONGEST_SOCKET:
        hashed_home = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        path = SHARED / f"{hashed_home}.sock"
    return f"unix://{quote(str(path))}"


def utc(moment: datetime) -> datetime:
    """The same moment in UTC; a moment without a zone is taken to be UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
