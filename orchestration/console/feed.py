"""The feed explorer: the page that a person would get now, and why, from the champion and from the release on trial.

It is a preview: nothing of it is logged or remembered, and nothing is drawn by lot.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from infra.errors import Unavailable
from orchestration.console import service
from orchestration.console.charts import push
from orchestration.console.described import Words, described, person, some_people
from orchestration.console.readings import Reading
from orchestration.console.rooms import Room
from orchestration.console.standing import standing
from orchestration.console.thumbnails import thumbnail
from orchestration.system import Installation
from serving.access import RefusedError
from validation.definition import LONGEST_WORD

LIMITS = (6, 12, 24)
MOST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Influence:
    """How one feature moved an item's score."""

    feature: str
    value: float | None
    contribution: float
    drawn: Markup


@dataclass(frozen=True, slots=True)
class Tile:
    """An item at its place: what it is, how it came there, and its place on the page beside.

    elsewhere  its place on the other page; 0 where it is not on it, None where there is no other page
    """

    item: str
    place: int
    kind: str
    picture: Markup
    words: Words
    source: str
    why: tuple[Influence, ...]
    elsewhere: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """One page: the release and rung that it comes from, and its items from the top."""

    variant: str
    release: str | None
    rung: str
    reason: str | None
    ranker: str | None
    unknown: bool
    tiles: tuple[Tile, ...]


async def feed(room: Room) -> dict[str, Any]:
    """What the page shows. What is asked of one person is not kept."""
    user, limit = room.asked.get("user", "").strip(), _limit(room.asked.get("limit", ""))
    if len(user) > LONGEST_WORD:
        raise RefusedError(422, f"an id is no longer than {LONGEST_WORD} characters")
    page = room.installation.system.page
    seen: dict[str, Reading[Any]] = await room.look_at_all(
        standing=standing, people=lambda at: some_people(at, page.release.user_view)
    )
    shown: dict[str, Any] = {**seen, "user": user, "limit": limit, "limits": LIMITS}
    if not user:
        return {**shown, "champion": None, "challenger": None, "asker": None}
    on_trial = bool(seen["standing"].value and seen["standing"].value.challenger)
    champion, challenger, asker = await asyncio.gather(
        room.look(f"feed {user} {limit}", lambda at: _answer(at, user, limit), 0.0),
        room.look(f"feed {user} {limit} challenger", lambda at: _answer(at, user, limit, "challenger"), 0.0)
        if on_trial
        else _nothing(),
        room.look(f"person {user}", lambda at: person(at, page.release.user_view, user), 0.0),
    )
    answers = [reading.value for reading in (champion, challenger) if reading and reading.value]
    orders = [_items(room.installation, answer) for answer in answers]
    ids = sorted({item for order in orders for item in order})
    known = await room.look(f"items {ids}", lambda at: described(at, page.service.item_view, ids), 0.0)
    drawn = iter(
        _page(room.installation, answer, known.value or {}, orders[1 - side] if len(orders) > 1 else None, side)
        for side, answer in enumerate(answers)
    )

    def with_page(reading: Reading[dict[str, Any]] | None) -> Reading[Shown] | None:
        return None if reading is None else Reading(next(drawn) if reading.value else None, reading.missing)

    pages = {"champion": with_page(champion), "challenger": with_page(challenger)}
    return {**shown, **pages, "asker": asker, "known": known}


async def _nothing() -> None:
    return None


def _limit(text: str) -> int:
    return int(text) if text in map(str, LIMITS) else LIMITS[1]


def _answer(installation: Installation, user: str, limit: int, variant: str = "") -> dict[str, Any]:
    names = installation.system.page.service.names
    asked = {names.user: user, "limit": limit, "explain": True, "preview": True}
    if variant:
        asked["variant"] = variant
    answer = service.post(installation.settings, "/v1/feed", asked)
    if variant and answer.get("variant") != variant:
        raise Unavailable(
            f"the service answered as {answer.get('variant')}: it has not loaded the release on trial yet"
        )
    return answer


def _items(installation: Installation, answer: Mapping[str, Any]) -> tuple[str, ...]:
    name = installation.system.page.service.names.item
    return tuple(str(shown[name]) for shown in answer["items"])


def _page(
    installation: Installation, answer: Mapping[str, Any], known: Mapping[str, Words],
    other: tuple[str, ...] | None, side: int,
) -> Shown:  # fmt: skip
    largest = max((abs(why["contribution"]) for item in answer["items"] for why in item.get("why", ())), default=1.0)
    tiles = [
        _tile(installation, item, name, known.get(name, {}), largest, other, side)
        for item, name in zip(answer["items"], _items(installation, answer), strict=True)
    ]
    return Shown(
        variant=str(answer.get("variant")), release=answer.get("release"), rung=str(answer.get("served_by")),
        reason=answer.get("reason"), ranker=answer.get("ranker"), unknown=bool(answer.get("unknown_user")),
        tiles=tuple(tiles),
    )  # fmt: skip


def _tile(
    installation: Installation, item: Mapping[str, Any], name: str, words: Words, largest: float,
    other: tuple[str, ...] | None, side: int,
) -> Tile:  # fmt: skip
    kind = words.get(installation.system.thumbnail, "")
    whys = (
        Influence(
            str(why["feature"]), why["value"], float(why["contribution"]),
            push(float(why["contribution"]), largest, f"{why['feature']}: {why['contribution']:+.2f}"),
        )
        for why in item.get("why", ())
    )  # fmt: skip
    others = {field: said for field, said in words.items() if said != kind and len(said) <= 40}
    return Tile(
        item=name, place=int(item["position"]), kind=kind, picture=thumbnail(kind or name, name, f"-{side}"),
        words=dict(list(others.items())[:MOST_WORDS]), source=str(item.get("source") or ""), why=tuple(whys),
        elsewhere=None if other is None else (other.index(name) + 1 if name in other else 0),
    )  # fmt: skip
