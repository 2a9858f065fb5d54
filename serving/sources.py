"""The sources of candidates a policy is written in. They are drawn from in the policy's order."""

from typing import ClassVar

from serving.value import Part, Reads


class Drawn(Part, frozen=True, kw_only=True):
    """What every source has: at most `quota` candidates, and `deadline_ms` after which it gives nothing.

    What a source leaves of its quota goes to those after it, and what is left then to all that have more.
    `for_anybody` says that it is also drawn from for pages made without knowing the asker.
    """

    for_anybody: ClassVar[bool] = False

    name: str
    quota: int
    deadline_ms: float = 5.0


class Nearest(Drawn, frozen=True, tag=True):
    """Items nearest to the asker in the release's space of embeddings."""


class Liked(Drawn, frozen=True, tag=True, kw_only=True):
    """Items of what the asker likes: of each of the `groups` values of `field` liked most, the best in turn.

    `counter` says how much a value is liked; it counts when it is more than `above`. The best are those most watched
    now or, with `newest`, the latest born.
    """

    counter: str
    field: str
    groups: int
    above: float = 0.0
    newest: bool = False

    def reads(self) -> Reads:
        """The field, and the asker's counter for it."""
        return Reads(attributes=(self.field,), shared=((self.field, self.counter),))


class Trending(Drawn, frozen=True, tag=True, kw_only=True):
    """Items most watched now where the asker is.

    An item's own counter is not counted by place. It is multiplied by how much more its group is watched at the asker's
    `attribute` than everywhere, by the counter `locally` of a view whose keys are the attribute and the group.
    """

    for_anybody: ClassVar[bool] = True

    attribute: str
    locally: str

    def reads(self) -> Reads:
        """The counter of places; the item's own is the policy's `trending`."""
        return Reads(local=(self.locally,))


class Fresh(Drawn, frozen=True, tag=True, kw_only=True):
    """The items born last, none older than `within_s`."""

    for_anybody: ClassVar[bool] = True

    within_s: float


class Rare(Drawn, frozen=True, tag=True, kw_only=True):
    """Items drawn evenly by lot, the same for the same request, of those whose counter `exposure` is under `below`.

    Its quota is how many are drawn; those that may be shown to the asker are candidates beside those of the other
    sources. They come on a page by the step Exploration, or where all others are too few to fill it.
    """

    exposure: str
    below: float

    def reads(self) -> Reads:
        """The counter."""
        return Reads(counters=(self.exposure,))


Source = Nearest | Liked | Trending | Fresh | Rare
