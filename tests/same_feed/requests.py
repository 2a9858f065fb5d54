"""What the service is asked: pages for a fixed list of users, callers' own videos in order, feedback."""

import itertools
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from serving.assignment import LOWEST as LOWEST_RUNG
from serving.assignment import Shares, variant_of
from serving.definition import RequestLimits

Asked = dict[str, Any]
People = Sequence[Mapping[str, Any]]

KNOWN, AGAIN, STRANGERS, LOWEST = (
    160,
    20,
    10,
    10,
)  # pages: of users, their second ones, of nobody known, of the last rung
EXPLAINED, RANKED, RANKED_VIDEOS, ACTING = 20, 20, 40, 30
ELSEWHERE = ("north", "south", "east", "west")
DONE = ("click", "like")  # with the first video of a page, and with the second


def pages(users: People) -> dict[str, Asked]:
    """200 pages that count, in the order in which they are asked for; by name."""
    chosen = spread(users, KNOWN)
    asked = [(f"feed {user['user_id']}", _feed(place, user)) for place, user in enumerate(chosen)]
    asked += [(f"feed again {user['user_id']}", _feed(0, user)) for user in chosen[:AGAIN]]
    nobody = [{"user_id": f"nobody-{i}", "device": "tv"} for i in range(STRANGERS)]
    asked += [(f"feed of a stranger {user['user_id']}", _feed(i, user)) for i, user in enumerate(nobody)]
    low = [{"user_id": name, "device": "phone"} for name in drawn_for_the_lowest(LOWEST)]
    asked += [(f"feed of the lowest rung {user['user_id']}", _feed(0, user)) for user in low]
    return {name: _asked("/v1/feed", body, name) for name, body in asked}


def looks(users: People, videos: Sequence[str]) -> dict[str, Asked]:
    """Pages with reasons, which are previews, and callers' own videos in order."""
    found = {}
    for user in spread(users, EXPLAINED):
        body = {**_feed(0, user), "preview": True, "explain": True}
        found[f"explained {user['user_id']}"] = _asked("/v1/feed", body, user["user_id"], role="operate")
    for place, user in enumerate(spread(users, RANKED)):
        body = {"user_id": user["user_id"], "video_ids": list(spread(videos[place:], RANKED_VIDEOS))}
        found[f"ranked {user['user_id']}"] = _asked("/v1/rank", body, f"rank {user['user_id']}")
    return found


def feedback(asked: Mapping[str, Asked], moment: str) -> dict[str, Asked]:
    """What the first askers did with the first two videos of their pages, which the service has answered before."""
    events = [{"place": place, "action": action, "event_time": moment} for place, action in enumerate(DONE)]
    return {
        f"feedback on {name}": {**_asked("/v1/events", {"events": events}, name, role="events"), "token_of": place}
        for place, name in enumerate(list(asked)[:ACTING])
    }


def afterwards(users: People) -> dict[str, Asked]:
    """The next pages of those who acted."""
    return {
        (name := f"feed after the stream {user['user_id']}"): _asked("/v1/feed", _feed(0, user), name)
        for user in spread(users, KNOWN)[:ACTING]
    }


def spread(values: Sequence[Any], count: int) -> Sequence[Any]:
    """So many of the values, as far apart as they can be."""
    return [values[i * len(values) // count] for i in range(min(count, len(values)))]


def _feed(place: int, user: Mapping[str, Any]) -> Asked:
    context = {"device": user["device"]}
    if place % 7 == 6:
        context["region"] = ELSEWHERE[place % len(ELSEWHERE)]
    body: Asked = {"user_id": user["user_id"]}
    if place % 5 != 4:
        body["context"] = context
    if place % 8 == 7:
        body["limit"] = 7
    return body


def drawn_for_the_lowest(count: int) -> list[str]:
    """The names of people whom nobody knows, and who always get the lowest rung."""
    always = Shares(lowest=RequestLimits().lowest_share)
    drawn = (name for i in itertools.count() if variant_of(always, name := f"lowest-{i}") == LOWEST_RUNG)
    return list(itertools.islice(drawn, count))


def _asked(route: str, body: Asked, name: str, role: str = "rank") -> Asked:
    """A request with an id that follows from its name."""
    request_id = sha256(name.encode()).hexdigest()[:32]
    return {"route": route, "body": body, "request_id": request_id, "role": role, "token_of": None}
