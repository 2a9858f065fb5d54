"""The home feed's features as Feast sees them, and Feast's own commands on the repository's folder."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from feast import FeatureService, FeatureView
from feast import types as feast_types

from feature_repo.records.layout import fields_of, layouts
from feature_repo.stores.feast_objects import feast_type, objects
from feature_repo.stores.packed_online_store import view_layout
from feature_repo.stores.store import open_store
from feature_repo.systems.home_feed import HOME_FEED_FEATURES
from infra.errors import DefinitionError
from infra.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:The spark")
REPOSITORY = Path(__file__).parents[3] / "feature_repo"


def test_every_object_says_whose_it_is_and_what_it_means() -> None:
    for declared in objects(HOME_FEED_FEATURES, Path("lake")):
        assert declared.owner == HOME_FEED_FEATURES.owner, declared.name
        assert declared.description, declared.name
        for field in getattr(declared, "schema", None) or []:
            assert field.description, f"{declared.name}.{field.name}"


def test_the_service_is_versioned_and_holds_every_view() -> None:
    declared = objects(HOME_FEED_FEATURES, Path("lake"))
    (service,) = [o for o in declared if isinstance(o, FeatureService)]
    views = {o.name for o in declared if isinstance(o, FeatureView)}
    assert service.name == "home_feed_v2"
    assert service.tags["version"] == "2"
    assert {p.name for p in service.feature_view_projections} == views == set(layouts(HOME_FEED_FEATURES))


def test_a_record_holds_the_fields_of_its_view_in_order() -> None:
    for view in [o for o in objects(HOME_FEED_FEATURES, Path("lake")) if isinstance(o, FeatureView)]:
        assert [f.name for f in view.features] == list(fields_of(HOME_FEED_FEATURES, view.name))


def test_the_store_that_feast_fills_lays_records_out_as_the_stream_does() -> None:
    config = SimpleNamespace(project=HOME_FEED_FEATURES.name)
    views = [o for o in objects(HOME_FEED_FEATURES, Path("lake")) if isinstance(o, FeatureView)]
    assert {view.name: view_layout(config, view) for view in views} == layouts(HOME_FEED_FEATURES)


def test_blocks_are_kept_for_as_long_as_they_count_and_descriptions_for_ever() -> None:
    by_view = layouts(HOME_FEED_FEATURES)
    assert by_view["user_choice"].retention == timedelta(days=3650)
    assert by_view["user_creator"].retention == HOME_FEED_FEATURES.ttl
    assert by_view["video_profile"].retention is by_view["user_profile"].retention is None


@pytest.mark.parametrize("name", ["Array(String)", "Float32"])
def test_types_are_feasts_own(name: str) -> None:
    wanted = {"Float32": feast_types.Float32, "Array(String)": feast_types.Array(feast_types.String)}[name]
    assert feast_type(name) == wanted
    assert str(feast_type(name)) == name


@pytest.mark.parametrize("name", ["Flaot32", "Array", "Int64(String)"])
def test_a_type_feast_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="is not a type of Feast's"):
        feast_type(name)


def test_opening_twice_applies_once(settings: Settings) -> None:
    first = open_store(settings, HOME_FEED_FEATURES).registry.proto().version_id
    assert open_store(settings, HOME_FEED_FEATURES).registry.proto().version_id == first


def test_feast_plan_and_apply_work_from_the_folder_and_leave_it_as_it_was(settings: Settings) -> None:
    """On a home where nothing was published yet, without Java on the path and without touching Redis."""
    before = {p.name for p in REPOSITORY.iterdir()}
    environment = {
        "PATH": str(Path(sys.executable).parent),
        "HOME": str(settings.home),
        "FLYWHEEL_HOME": str(settings.home),
        "FLYWHEEL_REDIS_URL": "redis://127.0.0.1:1/0",
        "LANG": "C.UTF-8",
    }
    program = "from feast.cli.cli import cli\nfor word in ('plan', 'apply'): cli([word], standalone_mode=False)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Created feature service home_feed_v2" in done.stdout
    assert (settings.home / "feast" / "home_feed.db").exists()
    assert {p.name for p in REPOSITORY.iterdir()} - before <= {"__pycache__"}
