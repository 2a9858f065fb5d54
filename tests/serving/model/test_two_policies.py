"""What a promoted release changes at once, and what it cannot change before a deployment."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.errors import DefinitionError
from serving.definition import Feedback, Policy, ReleasePolicy, RequestLimits, ServiceLimits, ServicePolicy
from serving.page.rungs import FULL, POPULAR
from serving.policy_json import from_json, to_json
from serving.systems.home_feed import RELEASE
from tests.serving.caller import Client
from tests.serving.conftest import POLICY

DOCS = Path(__file__).parents[3] / "docs" / "serving.md"
OLDER = Path(__file__).with_name("policy_of_an_older_release.json")


@pytest.fixture
def promoted(lasting_world: Any) -> Iterator[Client]:
    """An app that never served another release, and looks for one only when it is told to."""
    shutil.rmtree(lasting_world.settings.serving / "releases", ignore_errors=True)
    lasting_world.release("1")
    lasting_world.promote("1")
    with Client(lasting_world) as started:
        started._runner.run(started.online.releases.stop())
        yield started


def promote(client: Client, world: Any, policy: Policy) -> None:
    """Make a release of another policy live, without a restart."""
    folder = world.release("2")
    (folder / "policy.json").write_bytes(to_json(policy))
    world.manifest(folder, "2", "xgboost")
    world.promote("2")
    client._runner.run(client.online.releases._follow())
    assert client.feed()["release"] in {"2", None}


def released(**changed: Any) -> Policy:
    return Policy(POLICY.service, msgspec.structs.replace(POLICY.release, **changed))


def deployed(**changed: Any) -> Policy:
    return Policy(msgspec.structs.replace(POLICY.service, **changed), POLICY.release)


def test_a_promoted_size_of_a_page_takes_effect_at_once(promoted: Client, lasting_world: Any) -> None:
    assert len(promoted.feed()["items"]) == RELEASE.limit
    promote(promoted, lasting_world, released(limit=3))
    assert len(promoted.feed()["items"]) == 3


def test_a_promoted_limit_takes_effect_at_once(promoted: Client, lasting_world: Any) -> None:
    assert promoted.feed(preview=False)["served_by"] == FULL
    promote(promoted, lasting_world, released(limits=RequestLimits(lowest_share=1.0)))
    assert promoted.feed(preview=False)["served_by"] == POPULAR


def test_promoted_sources_and_filters_take_effect_at_once(promoted: Client, lasting_world: Any) -> None:
    fresh = tuple(source for source in RELEASE.sources if source.name == "fresh")
    promote(promoted, lasting_world, released(sources=fresh, filters=(), steps=(), limit=60))
    shown = [item["video_id"] for item in promoted.feed()["items"]]
    assert shown
    assert set(shown) <= {f"v{i}" for i in range(48, 60)}, "born within two days"


CHANGED: list[tuple[dict[str, Any], str]] = [
    ({"most": 5}, "most"),
    ({"feedback": Feedback(lives_s=60.0)}, "feedback"),
    ({"remembered": 7}, "remembered"),
    ({"limits": ServiceLimits(user_ms=1.0)}, "limits.user_ms"),
]


@pytest.mark.parametrize(("changed", "named"), CHANGED, ids=[named for _, named in CHANGED])
def test_a_value_of_the_service_in_a_release_says_that_it_needs_a_deployment(
    promoted: Client, lasting_world: Any, caplog: pytest.LogCaptureFixture, changed: dict[str, Any], named: str
) -> None:
    promote(promoted, lasting_world, deployed(**changed))
    assert promoted.online.releases.live.needs_deployment == (named,)
    [warning] = [record.getMessage() for record in caplog.records if "need a deployment" in record.getMessage()]
    assert f"release 2 sets {named} otherwise than this service" in warning
    answer = promoted.feed(limit=60, user_id=f"somebody who {named}")
    assert (answer["served_by"], answer["release"], len(answer["items"])) == (FULL, "2", 58)


def test_it_says_so_again_after_a_restart(
    promoted: Client, lasting_world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    promote(promoted, lasting_world, deployed(most=5))
    caplog.clear()
    with Client(lasting_world):
        assert "release 2 sets most otherwise" in caplog.text


def test_a_release_of_this_checkout_needs_no_deployment(promoted: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert promoted.online.releases.live.needs_deployment == ()
    assert "need a deployment" not in caplog.text


def test_a_release_that_says_nothing_of_its_policy_follows_the_checkout(promoted: Client, lasting_world: Any) -> None:
    folder = lasting_world.release("2")
    (folder / "policy.json").unlink()
    lasting_world.manifest(folder, "2", "xgboost")
    lasting_world.promote("2")
    promoted._runner.run(promoted.online.releases._follow())
    assert promoted.online.releases.live.version == "2"
    assert promoted.online.releases.policy == RELEASE


def test_a_release_built_before_is_read_and_written_as_it_was() -> None:
    """Both parts stand in one object, as when they were one value: the digests of releases hold."""
    assert to_json(from_json(OLDER.read_bytes())) == OLDER.read_bytes()


def test_what_a_release_left_out_has_its_default() -> None:
    written = msgspec.json.decode(OLDER.read_bytes())
    for name in ("limits", "feedback", "steps", "most"):
        del written[name]
    read = from_json(msgspec.json.encode(written))
    assert (read.service.limits, read.release.limits) == (ServiceLimits(), RequestLimits())
    assert (read.service.feedback, read.service.most, read.release.steps) == (Feedback(), 100, ())


@pytest.mark.parametrize("field", ["limits", "feedback", None])
def test_what_a_release_has_too_much_is_named(field: str | None) -> None:
    written = msgspec.json.decode(OLDER.read_bytes())
    (written[field] if field else written)["serendipity"] = 3
    with pytest.raises(DefinitionError, match="serendipity"):
        from_json(msgspec.json.encode(written))


@pytest.mark.parametrize("written", [b"[]", b'{"limits": 3}', b"{}", b"{"])
def test_what_is_no_policy_is_refused(written: bytes) -> None:
    with pytest.raises(DefinitionError, match=r"policy\.json"):
        from_json(written)


def test_both_parts_share_no_name_but_the_limits() -> None:
    assert {*ReleasePolicy.__struct_fields__} & {*ServicePolicy.__struct_fields__} == {"limits"}
    assert not {*RequestLimits.__struct_fields__} & {*ServiceLimits.__struct_fields__}


@pytest.mark.parametrize(
    ("follows", "part", "limits"),
    [("the live release", ReleasePolicy, RequestLimits), ("the deployment", ServicePolicy, ServiceLimits)],
)
def test_the_page_names_what_follows_what(follows: str, part: Any, limits: Any) -> None:
    rows = [line.split("|") for line in DOCS.read_text().splitlines() if line.startswith("|")]
    named = {word for row in rows if len(row) > 3 and follows in row[2] for word in re.findall(r"`([\w.]+)`", row[1])}
    fields = {name for name in part.__struct_fields__ if name != "limits"}
    assert named == fields | {f"limits.{name}" for name in limits.__struct_fields__}
