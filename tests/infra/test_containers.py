"""Compose file and Dockerfiles: no container engine runs here, but what they name must exist and agree."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow.server.security_utils import is_allowed_host_header

from infra.settings import Settings
from serving.launch import SERVICE

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
DOCKERFILES = sorted(INFRA.glob("*.Dockerfile"))
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
TEXT = {p.name: p.read_text() for p in (*DOCKERFILES, *INFRA.glob("*.yaml"), *INFRA.glob("*.example"))}


def instructions(text: str, word: str) -> Iterator[str]:
    """The arguments of a Dockerfile's instructions of one kind, continued lines joined."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith(word + " "):
            yield line.removeprefix(word).strip()


def words(command: object) -> str:
    return " ".join(command) if isinstance(command, list) else str(command or "")


def pinned(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", lock.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("name", sorted(TEXT))
def test_every_flywheel_variable_is_a_setting(name: str) -> None:
    known = {f"FLYWHEEL_{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(r"FLYWHEEL_[A-Z_]+", TEXT[name])) <= known


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_service_is_pinned_healthy_and_restarts(service: str) -> None:
    told = SERVICES[service]
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+[a-z0-9.-]*", told["image"])
    assert told["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert told["restart"] == "unless-stopped"
    assert not told.get("privileged")


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_what_a_service_depends_on_and_mounts_exists(service: str) -> None:
    for other, how in SERVICES[service].get("depends_on", {}).items():
        assert other in SERVICES
        assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
    for mount in SERVICES[service].get("volumes", ()):
        source = mount.split(":")[0]
        assert (INFRA / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


def test_every_image_of_ours_is_built_where_it_is_used_from_a_dockerfile_that_exists() -> None:
    """A service that names our image without saying how it is built would be pulled from a registry, in vain."""
    ours = [s for s in SERVICES.values() if s["image"].startswith("flywheel-")]
    assert len({s["image"] for s in ours}) == len({s["build"]["dockerfile"] for s in ours}) == 2
    for service in ours:
        assert (INFRA / service["build"]["context"] / service["build"]["dockerfile"]).exists()


def test_only_loopback_is_published_and_on_the_ports_of_the_settings() -> None:
    published = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    told = Settings()
    ports = {"service": told.service_port, "dagster-webserver": told.dagster_port, "mlflow": told.mlflow_port}
    ports["grafana"] = 3705  # no process of ours
    assert published == {name: [f"127.0.0.1:{port}:{port}"] for name, port in ports.items()}
    for name, port in ports.items():
        assert str(port) in words(SERVICES[name].get("command")) + str(SERVICES[name].get("environment", ""))
        assert str(port) in words(SERVICES[name]["healthcheck"]["test"])


def test_addresses_inside_name_services_and_their_ports() -> None:
    addresses = re.findall(r"@?([a-z-]+):(\d{4})/?", TEXT["compose.yaml"])
    named = {(host, int(port)) for host, port in addresses if host in SERVICES}
    assert named == {("redis", 6379), ("mlflow", 3702), ("postgres", 5432)}
    grpc = yaml.safe_load(TEXT["workspace.production.yaml"])["load_from"][0]["grpc_server"]
    assert grpc["host"] in SERVICES
    assert str(grpc["port"]) in words(SERVICES[grpc["host"]]["healthcheck"]["test"])
    assert f'"--port", "{grpc["port"]}"' in TEXT["code_location.Dockerfile"]


def test_mlflow_answers_the_names_it_is_called_by_and_no_other() -> None:
    option = next(o for o in SERVICES["mlflow"]["command"] if o.startswith("--allowed-hosts="))
    allowed = option.partition("=")[2].split(",")
    called = SERVICES["code-location"]["environment"]
    merged = {k: v for part in called["<<"] for k, v in part.items()} if "<<" in called else called
    assert is_allowed_host_header(allowed, merged["FLYWHEEL_MLFLOW_URI"].removeprefix("http://"))
    assert is_allowed_host_header(allowed, f"127.0.0.1:{Settings().mlflow_port}")
    assert not is_allowed_host_header(allowed, "elsewhere.example:3702")


def test_no_secret_is_committed() -> None:
    for name, value in re.findall(r"^(\w*PASSWORD)=(.*)$", TEXT["production.env.example"], re.MULTILINE):
        assert value == "", f"{name} has a value in the example"
    required = set(re.findall(r"\$\{(\w+):\?", TEXT["compose.yaml"]))
    assert required == set(re.findall(r"^(\w+)=", TEXT["production.env.example"], re.MULTILINE))
    assert "${" not in re.sub(r"\$\{\w+:\?[^}]*\}", "", TEXT["compose.yaml"])  # no variable without a refusal


def test_the_production_profile_gets_every_variable_it_reads() -> None:
    wanted = set(re.findall(r"env: (\w+)", TEXT["dagster.production.yaml"]))
    given = set(re.findall(r"^  (\w+):", TEXT["compose.yaml"], re.MULTILINE))
    assert wanted == {"DAGSTER_POSTGRES_HOST", "DAGSTER_POSTGRES_USER", "DAGSTER_POSTGRES_PASSWORD"}
    assert wanted <= given


def test_each_database_that_is_used_is_created() -> None:
    created = set(re.findall(r"CREATE DATABASE (\w+);", (INFRA / "postgres/create_databases.sql").read_text()))
    used = {yaml.safe_load(TEXT["dagster.production.yaml"])["storage"]["postgres"]["postgres_db"]["db_name"]}
    used |= set(re.findall(r"5432/(\w+)", TEXT["compose.yaml"]))
    assert used == created


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda p: p.name)
def test_a_dockerfile_copies_what_exists_and_drops_root(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    allowed = (INFRA / f"{dockerfile.name}.dockerignore").read_text()
    for copied in instructions(text, "COPY"):
        if not copied.startswith("--from"):
            for source in copied.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert any(f"!{part}" in allowed.splitlines() for part in (source, source.split("/")[0])), source
    assert list(instructions(text, "USER")) == ["flywheel"]
    assert text.index("USER flywheel") < text.index("\nCMD ")
    assert all(re.fullmatch(r"python:3\.12\.\d+-slim-\w+( AS \w+)?", image) for image in instructions(text, "FROM"))
    assert "--require-hashes" in text


def test_the_service_image_holds_only_floors_that_serving_may_import() -> None:
    text = (INFRA / "service.Dockerfile").read_text()
    folders = {
        c.split()[0] for c in instructions(text, "COPY") if not c.startswith("--from") and "." not in c.split()[0]
    }
    assert folders == {"infra", "validation", "feature_repo", "serving"}


@pytest.mark.parametrize("lock", ["code_location.lock", "service.lock"])
def test_an_images_lock_pins_what_the_projects_lock_pins(lock: str) -> None:
    """Only Postgres' two packages may be new; anything else that differs means: run `make lock`."""
    whole, part = pinned(ROOT / "requirements.lock"), pinned(INFRA / lock)
    new = {name for name, versions in part.items() if not versions <= whole.get(name, set())}
    assert new <= {"dagster-postgres", "psycopg2-binary"}
    assert "://" not in (INFRA / lock).read_text()


def test_the_service_image_starts_the_service_that_exists() -> None:
    command = next(iter(instructions((INFRA / "service.Dockerfile").read_text(), "CMD")))
    assert f'"{SERVICE}"' in command


def test_the_service_lock_has_none_of_the_heavy_parts() -> None:
    heavy = {"pyspark", "dagster", "great-expectations", "evidently", "feast", "mlflow", "pandas", "scikit-learn"}
    assert not heavy & set(pinned(INFRA / "service.lock"))


def test_defaults_stay_on_loopback() -> None:
    assert socket.gethostbyname(Settings().service_host).startswith("127.")
    for name, text in TEXT.items():
        if name.endswith("Dockerfile"):
            assert text.count("0.0.0.0") == 1  # opened once, said why, inside the container only


def test_the_service_image_has_its_loops_compiled_where_its_user_finds_them() -> None:
    text = (INFRA / "service.Dockerfile").read_text()
    filled, user = text.index("RUN python -m serving.fill_loop_cache"), text.index("USER flywheel")
    assert user < text.index("NUMBA_CACHE_DIR=/var/cache/flywheel/") < filled
    assert (ROOT / "serving" / "fill_loop_cache.py").exists()


def test_what_prometheus_reads_and_grafana_shows_is_mounted() -> None:
    config = yaml.safe_load((INFRA / "prometheus.yaml").read_text())
    mounted = [mount.split(":") for mount in SERVICES["prometheus"]["volumes"]]
    inside = {Path(target).name: source for source, target, *_ in mounted}
    assert inside.keys() >= {*config["rule_files"], "prometheus.yaml"}
    targets = [t for job in config["scrape_configs"] for each in job["static_configs"] for t in each["targets"]]
    assert targets == [f"service:{Settings().service_port}", f"metrics:{Settings().metrics_port}"]
    provided = yaml.safe_load((INFRA / "grafana" / "dashboards.yaml").read_text())["providers"][0]["options"]["path"]
    assert f"./dashboards/grafana:{provided}:ro" in SERVICES["grafana"]["volumes"]


def test_watching_from_outside_is_a_choice_and_its_secrets_are_not_committed() -> None:
    assert {name for name, s in SERVICES.items() if "profiles" in s} == {"metrics", "prometheus", "grafana"}
    ignored = (INFRA / ".gitignore").read_text().split()
    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} <= set(ignored)
