"""Cases made again from records as they stood: what serving would have scored on, by the code that serves."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feature_repo.definition import FeatureSet
from feature_repo.recipe import read_recipe, recipe_of
from infra.arrays import Float32s
from serving.asker import CaseReader
from serving.model.case_release import CaseBuilder

Place = tuple[str, str]  # Redis key and field, empty where the record is a string


@dataclass(frozen=True, slots=True)
class RecordedCase:
    """A case as it was asked `now`, seconds since the epoch, and the records that were online, by their places.

    recent  values of `Recent` features: what was counted then
    """

    given: Mapping[str, Any]
    now: float
    records: Mapping[Place, bytes]
    recent: Mapping[str, float] = field(default_factory=dict)


class RecordedCases:
    """Makes the model's input of recorded cases: all but the records' way is what a service process runs."""

    def __init__(self, features: FeatureSet, columns: Sequence[str]) -> None:
        recipe = read_recipe(recipe_of(features))
        self._link, self._builder = _RecordedLink(), CaseBuilder(recipe, features)
        self._reader = CaseReader(self._link, features, columns, counts=False)

    def matrices(self, cases: Iterable[RecordedCase]) -> list[Float32s]:
        """The model's input (1, features) of each case."""

        async def every() -> list[Float32s]:
            return [await self._matrix(case) for case in cases]

        return asyncio.run(every())

    async def _matrix(self, case: RecordedCase) -> Float32s:
        self._link.records = case.records
        state = await self._reader.read("", case.given, case.now)
        state.recent = dict(case.recent)
        return self._builder.matrix(case.given, state)


class _RecordedLink:
    """Gives the replies that Redis gave when it held these records, and nothing else."""

    records: Mapping[Place, bytes] = {}

    async def ask(self, *commands: tuple[bytes | str | int, ...]) -> list[Any]:
        """The replies to the commands with which a case is read."""
        return [self._reply(str(command[0]), [str(word) for word in command[1:]]) for command in commands]

    def tell(self, *commands: tuple[bytes | str | int, ...]) -> None:
        """Nothing: what is made again leaves no trace."""

    def _reply(self, name: str, words: Sequence[str]) -> Any:
        if name == "MGET":
            return [self.records.get((word, "")) for word in words]
        return self.records.get((words[0], words[1]))
