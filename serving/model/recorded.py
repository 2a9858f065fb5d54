"""Requests made again from records as they stood: what serving would have scored on, by the code that serves."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from feature_repo.definition import FeatureSet
from feature_repo.recipe import read_recipe, recipe_of
from feature_repo.records import Key, Layout, decode, layouts
from infra.arrays import Float32s
from serving.asker import UserReader, asker_of
from serving.definition import Policy
from serving.items import ItemStates
from serving.model.features import Builder

Records = Mapping[Key, bytes | None]


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request of a user for the scores of some items, and the records that were online: None where there was none.

    context  what the request said of its moment
    now      seconds since the epoch
    records  view → entity → record, of every entity that the request reads
    """

    user: str
    items: Sequence[str]
    context: Mapping[str, Any]
    now: float
    records: Mapping[str, Records]


class RecordedRequests:
    """Answers recorded requests with the features that serving makes of them.

    All but the records' way is what a service process runs: the reader of user states, the item states, the builder.
    """

    def __init__(self, features: FeatureSet, policy: Policy, capacity: int) -> None:
        self._features, self._policy, self._recipe = features, policy, read_recipe(recipe_of(features))
        self._states = ItemStates(features, policy.service, capacity=capacity)
        self._layouts, self._link = layouts(features), _RecordedLink()
        self._users = UserReader(self._link, features, self._layouts, policy.service, self._states)

    @property
    def names(self) -> tuple[str, ...]:
        """The features that serving makes, in order."""
        return self._recipe.names

    def matrices(self, requests: Iterable[RecordedRequest]) -> list[Float32s]:
        """The model's input (items, features) of each request."""

        async def every() -> list[Float32s]:
            return [await self._matrix(request) for request in requests]

        return asyncio.run(every())

    async def _matrix(self, request: RecordedRequest) -> Float32s:
        service = self._policy.service
        self._link.forget()
        for view, records in request.records.items():
            layout = self._layouts[view]
            if service.user in layout.keys:
                self._link.hold(layout, records)
            else:
                self._states.take(view, decode(layout, list(records), list(records.values())))
        state = await self._users.read(request.user)
        said = SimpleNamespace(**{name: request.context.get(name) for name in service.names.context})
        who = asker_of(service, self._policy.release, state, said)
        block = self._states.gather(self._states.rows(request.items))
        builder = Builder(self._recipe, self._features, self._policy, self._states)  # anew: it remembers for a second
        return builder.matrix(block, who.user, who.keys, who.context, request.now)


class _RecordedLink:
    """Gives the replies that Redis gave when it held these records of one user, and nothing else."""

    def __init__(self) -> None:
        self._strings: dict[str, bytes] = {}
        self._hashes: dict[str, list[bytes]] = {}

    def forget(self) -> None:
        """Hold nothing."""
        self._strings, self._hashes = {}, {}

    def hold(self, layout: Layout, records: Records) -> None:
        """Hold the records of a view."""
        for key, record in records.items():
            if record is None:
                continue
            if layout.hashed:
                self._hashes.setdefault(layout.redis_key(key), []).extend((layout.field(key).encode(), record))
            else:
                self._strings[layout.redis_key(key)] = record

    async def ask(self, *commands: tuple[bytes | str | int, ...]) -> list[Any]:
        """The replies to the commands with which a user is read."""
        return [self._reply(command[0], [str(word) for word in command[1:]]) for command in commands]

    def tell(self, *commands: tuple[bytes | str | int, ...]) -> None:
        """Nothing: what is made again leaves no trace."""

    def _reply(self, name: bytes | str | int, words: Sequence[str]) -> list[Any]:
        match name:
            case "MGET":
                return [self._strings.get(word) for word in words]
            case "HRANDFIELD":
                return self._hashes.get(words[0], [])
        return []
