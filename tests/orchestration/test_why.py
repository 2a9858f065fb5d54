"""Why somebody saw something: asked days later, of a page that was traced, of one that was not, and of a case."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from infra.errors import DefinitionError
from infra.settings import Settings
from orchestration.erasure.erasers import Work, answered
from orchestration.retention import files
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from orchestration.why import Why, why
from serving.feedback import PageTrace
from serving.systems.home_feed import SERVED
from tests.orchestration.commands.test_cli import flywheel
from tests.serving.caller import Client
from tests.serving.conftest import NAMES, NOW, World

SELDOM = replace(SERVED, process=msgspec.structs.replace(SERVED.process, traced_share=0.0))


@dataclass
class Asked:
    """What was served, and the installation it can be asked of."""

    at: Installation
    traced: dict[str, Any]
    untraced: dict[str, Any]
    popular: dict[str, Any]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, redis_address: str) -> Iterator[Asked]:
    """A page that was traced, because its caller had it explained; one that was not; and one without a release."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), redis_url=redis_address, replay_from=NOW)
    world = World(settings)
    world.fill()
    with Client(world, served=SELDOM) as client:
        popular = client.feed(limit=5, preview=False)
    world.release("7")
    world.promote("7")
    with Client(world, served=SELDOM) as client:
        traced = client.feed(limit=10, preview=False, explain=True)
        untraced = client.feed(limit=10, preview=False, user_id="u2")
    yield Asked(Installation(HOME_FEED, settings), traced, untraced, popular)
    shutil.rmtree(settings.home)


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["video_id"] for item in answer["items"]]


def test_of_a_traced_page_every_candidate_is_known(asked: Asked) -> None:
    page = why(asked.at, asked.traced["request_id"])
    assert page.same, page.differences
    assert page.traced
    assert (page.release, page.ranker, page.variant, page.served_by) == ("7", "xgboost", "champion", "full")
    assert page.asker == "u1"
    assert len(page.policy or "") == 12
    assert [item.item for item in page.items][:10] == ids(asked.traced)
    assert [item.place for item in page.items] == [*range(1, 11), *[None] * (len(page.items) - 10)]
    assert page.candidates == len(page.items) > 30
    assert page.steps[0] == "score"
    assert {"Diversity", "Caps", "FreshSlots"} & set(page.steps)
    by_score = sorted((item for item in page.items if "score" in item.ranks), key=lambda item: item.ranks["score"])
    scores = [item.score for item in by_score]
    assert scores == sorted(scores, reverse=True)
    assert all(item.source in {source.name for source in HOME_FEED.page.release.sources} for item in page.items)
    shown = page.items[0]
    assert {one.feature for one in shown.influences} == set(NAMES), "every feature, as it was served"
    assert [abs(one.contribution) for one in shown.influences] == sorted(
        (abs(one.contribution) for one in shown.influences), reverse=True
    )
    as_told = {one["feature"]: one["contribution"] for one in asked.traced["items"][0]["why"]}
    own = {one.feature: one.contribution for one in shown.influences}
    assert as_told == {name: pytest.approx(own[name]) for name in as_told}, "what the answer itself gave as reasons"
    assert "so are those of all" in page.notes[-1]


def test_of_one_item_also_of_one_that_was_not_shown(asked: Asked) -> None:
    page = why(asked.at, asked.traced["request_id"])
    behind = page.items[-1]
    (alone,) = why(asked.at, asked.traced["request_id"], behind.item).items
    assert alone == behind
    assert alone.place is None
    with pytest.raises(DefinitionError, match=r"none of the \d+ candidates"):
        why(asked.at, asked.traced["request_id"], "v1")


def test_of_a_page_that_was_not_traced_what_was_shown_is_known_and_that_is_said(asked: Asked) -> None:
    page = why(asked.at, asked.untraced["request_id"])
    assert page.same
    assert not page.traced
    assert page.candidates is None
    assert [item.item for item in page.items] == ids(asked.untraced)
    assert all(item.score == item.rebuilt is not None for item in page.items)
    assert page.items[0].influences
    assert page.notes[-1] == ("this request was not traced: candidates that were not shown are not known (1 in 100 is)")
    with pytest.raises(DefinitionError, match="it was not shown, and this request was not traced"):
        why(asked.at, asked.untraced["request_id"], "v1")


def test_of_a_page_without_a_release_it_is_said_that_nothing_was_scored(asked: Asked) -> None:
    page = why(asked.at, asked.popular["request_id"])
    assert page.served_by == "popular"
    assert [item.item for item in page.items] == ids(asked.popular)
    assert any("no release scored this answer" in note for note in page.notes)


@pytest.mark.parametrize("name", ["", "\udcff", "../../etc", "%", "\x00", "[/x]", "0" * 10_000])
def test_what_is_no_id_of_a_request_is_said_to_be_none(asked: Asked, name: str) -> None:
    with pytest.raises(DefinitionError, match=r"is in no row|is no text"):
        why(asked.at, name)


def test_a_trace_that_was_changed_is_named(asked: Asked, tmp_path: Any) -> None:
    home = tmp_path / "home"
    shutil.copytree(asked.at.settings.home, home)
    at = Installation(HOME_FEED, asked.at.settings.model_copy(update={"home": home}))
    (path,) = (home / "systems" / "home_feed" / "serving" / "traces").glob("*.jsonl")
    trace = msgspec.json.decode(path.read_bytes(), type=PageTrace)
    assert trace.feature_array().shape == (len(trace.items), len(NAMES))
    row = json.loads(path.read_text())
    row["scores"] = row["scores"][:8] + "AAAA" + row["scores"][12:]
    path.write_text(json.dumps(row) + "\n")
    changed = why(at, asked.traced["request_id"])
    assert not changed.same
    assert "was traced" in changed.differences[0]


def test_the_command_prints_tables_and_json(asked: Asked) -> None:
    request, home = asked.traced["request_id"], asked.at.settings.home
    page = flywheel(home, "why", request, ids(asked.traced)[0])
    assert page.returncode == 0, page.stderr
    for words in ("Diversity", "moved the score by", "served by full", "are equal to the last bit"):
        assert words in page.stdout
    as_json = flywheel(home, "why", request, "--json")
    assert msgspec.json.decode(as_json.stdout, type=Why).request == request


def test_an_erased_person_is_in_no_trace(asked: Asked, tmp_path: Any) -> None:
    home = tmp_path / "home"
    shutil.copytree(asked.at.settings.home, home)
    at = Installation(HOME_FEED, asked.at.settings.model_copy(update={"home": home}))
    folder = at.settings.serving / "traces"
    shadow = at.settings.serving / "shadow"
    shadow.mkdir(exist_ok=True)
    rows = [{"request_id": "a", "asker": "u1"}, {"request_id": "b", "asker": "u22"}]
    (shadow / "shadow-1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    work = Work("user_id", _names("u1"), NOW, "asked")
    assert answered(at, replace(work, dry_run=True)) == {"traces": 1, "shadow": 1}
    assert b'"u1"' in b"".join(path.read_bytes() for path in folder.glob("*"))
    assert answered(at, work) == {"traces": 1, "shadow": 1}
    left = b"".join(path.read_bytes() for path in [*folder.glob("*"), *shadow.glob("*")])
    assert b'"u1"' not in left
    assert b'"u22"' in left, "who has another id stays"
    assert answered(at, work) == {"traces": 0, "shadow": 0}


def test_traces_are_removed_when_they_are_old(asked: Asked) -> None:
    dataset = files.traces(asked.at)
    assert dataset.limit == asked.at.ages.traces
    assert dataset.oldest(NOW.date()) is not None


def _names(*people: str) -> Any:
    from infra.masking import Names

    return Names("user_id", frozenset(people))
