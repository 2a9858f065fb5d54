"""A rollback takes everything back: of the feed by a running service under load, of fraud by its files."""

from pathlib import Path

import pytest

from infra.manifest import verify
from infra.release_format import LIVE, read_live_pointer
from infra.settings import Settings
from tests.prove.rollback import apart, asked, differing, rolled_back, served
from tests.prove.two_releases import two_releases
from tests.serving.conftest import NOW


def test_a_service_under_load_goes_back_to_every_file_of_the_previous_release_and_fails_no_request(
    tmp_path: Path,
) -> None:
    with served("home_feed", tmp_path) as at, asked(at, callers=2) as seen:
        rolled_back(at, seen)
        assert at.registry.live() == "2"
        assert differing(at, "1") == []
    assert seen.failed == []
    assert {release for _, release in seen.answers} >= {"1", "2"}
    assert apart(at) == [], "else nothing would be seen to go back"


@pytest.mark.parametrize("system", ["fraud"])
def test_what_the_pointer_names_after_a_rollback_is_the_previous_release_file_by_file(
    tmp_path: Path, system: str
) -> None:
    at = two_releases(system, Settings(home=tmp_path / "home", system=system), tmp_path / "drafts")
    at.registry.rollback("ada", "friction rose", NOW)
    pointed = read_live_pointer(at.settings.releases / LIVE)
    assert pointed is not None
    folder = at.settings.releases / pointed.champion.path
    files = {path.name for path in at.drafts["1"].iterdir()}
    assert files >= {"model.json", "recipe.json", "policy.json", "operating_point.json", "golden.npz", "manifest.json"}
    assert {name: (folder / name).read_bytes() for name in files} == {
        name: (at.drafts["1"] / name).read_bytes() for name in files
    }
    assert verify(folder).version == "1"
    assert apart(at) == []
