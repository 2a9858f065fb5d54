"""The rules of a policy that decides cases: comparisons of what is known of a case, and the action that follows.

A comparison names what it looks at: a column of the request, `score`, `action` (what was decided so far), or a state
as `view.field` or `view.counter`. What is not known is neither above nor below nor among words: only `Unknown` holds.
"""

from serving.value import Part


class Above(Part, frozen=True, tag=True):
    """Holds for a number above `limit`."""

    of: str
    limit: float


class AtLeast(Part, frozen=True, tag=True):
    """Holds for a number that is `limit` or more."""

    of: str
    limit: float


class Below(Part, frozen=True, tag=True):
    """Holds for a number below `limit`."""

    of: str
    limit: float


class Among(Part, frozen=True, tag=True):
    """Holds for one of these words: a list of the blocked, or the actions that a rule softens."""

    of: str
    words: tuple[str, ...]

    def mistake(self) -> str | None:
        """No words."""
        return None if self.words else f"Among `{self.of}` names no words: it never holds"


class Unknown(Part, frozen=True, tag=True):
    """Holds where nothing is known."""

    of: str


Comparison = Above | AtLeast | Below | Among | Unknown


class Rule(Part, frozen=True):
    """A case for which every comparison of `when` holds is given the action `then`; the name is told as a reason."""

    name: str
    when: tuple[Comparison, ...]
    then: str

    def mistake(self) -> str | None:
        """No comparisons, or one without a meaning."""
        if not self.when:
            return f"rule {self.name} compares nothing: it would decide every case; write that as `usual`"
        return next(filter(None, (comparison.mistake() for comparison in self.when)), None)
