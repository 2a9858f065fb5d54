"""The steps a policy is written in: how a page is made of scored candidates, one step after the other."""

from collections.abc import Mapping

from serving.value import Part, Reads


class Diversity(Part, frozen=True, tag=True):
    """Each place goes to the item whose score, less its likeness to the items above it, is highest (MMR).

    Scores of the best `depth` candidates are spread over 0 to 1; an item exactly like one above it loses `weight`.
    Likeness is the cosine of the items' embeddings. Without embeddings the step changes nothing.
    """

    weight: float
    depth: int

    def mistake(self) -> str | None:
        """Numbers that are not above 0."""
        if self.weight > 0 and self.depth >= 1:
            return None
        return f"Diversity of weight {self.weight:g} and depth {self.depth}: write numbers above 0"


class Caps(Part, frozen=True, tag=True):
    """At most so many items with the same value of each field in one answer, as long as enough others are left."""

    most: Mapping[str, int]

    def reads(self) -> Reads:
        """The fields."""
        return Reads(attributes=tuple(self.most))


class FreshSlots(Part, frozen=True, tag=True):
    """At least `places` of every `of` places of an answer are for items younger than `within_s`."""

    places: int
    of: int
    within_s: float


class Shuffle(Part, frozen=True, tag=True):
    """A `share` of the pages is shown in an order drawn by lot: what rankings are valued by without being served.

    The items of a page stay the same. Such a page costs what ranking is worth, so that the share is to be small.
    """

    share: float

    def mistake(self) -> str | None:
        """A share that is none of the pages, or all of them."""
        if 0 < self.share < 1:
            return None
        return f"Shuffle of {self.share:g} of the pages: write a share between 0 and 1"


class Exploration(Part, frozen=True, tag=True):
    """A `share` of the places is given by lot to candidates whose counter `exposure` is under `below`.

    The counter is taken as it was published: decay could only lower it. Places and items are drawn evenly, so that the
    chance with which each item came to its place is known and logged.
    """

    share: float
    exposure: str
    below: float

    def reads(self) -> Reads:
        """The counter."""
        return Reads(counters=(self.exposure,))

    def mistake(self) -> str | None:
        """A share that is none of the places, or all of them."""
        if 0 < self.share < 1:
            return None
        return f"Exploration of {self.share:g} of the places: write a share between 0 and 1"


Step = Diversity | Caps | FreshSlots | Shuffle | Exploration
