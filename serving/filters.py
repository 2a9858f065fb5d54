"""The filters a policy is written in: what may be shown to whom. Whatever is unknown is not shown."""

from serving.value import Part, Reads


class FieldFilter(Part, frozen=True):
    """A filter on one attribute of items, `field`."""

    field: str

    def reads(self) -> Reads:
        """The attribute."""
        return Reads(attributes=(self.field,))

    def words(self) -> tuple[str, ...] | None:
        """The values with which an item may be shown to somebody; None where any known value will do."""
        return None


class OneOf(FieldFilter, frozen=True, tag=True):
    """An item may be shown only while its `field` is one of `values`; an unknown value is not."""

    values: tuple[str, ...]

    def words(self) -> tuple[str, ...]:
        """Those values."""
        return self.values


class Reaches(FieldFilter, frozen=True, tag=True):
    """An item may be shown only where its list `field` holds the asker's `attribute`.

    An empty list holds everyone. An item whose list is unknown, or that reaches only some when the asker's attribute is
    unknown, is not shown.
    """

    attribute: str


class AtMost(FieldFilter, frozen=True, tag=True):
    """An item may be shown only while its `field` comes no later in `order` than the asker's `attribute`.

    An asker whose attribute is unknown counts as the first of the order. An item of an unknown value is not shown.
    """

    attribute: str
    order: tuple[str, ...]

    def words(self) -> tuple[str, ...]:
        """All values of the order."""
        return self.order


class NotBlocked(FieldFilter, frozen=True, tag=True):
    """An item may be shown only while the asker's `counter` for the item's `field` is not above one half.

    The counter is one that the features name in `ever_done`, of a view whose keys are the asker and the field: where it
    cannot be read, the Bloom filter of all that was ever blocked decides. An item of an unknown field is not shown.
    """

    counter: str

    def reads(self) -> Reads:
        """The attribute, and the asker's counter for it."""
        return Reads(attributes=(self.field,), remembered=((self.field, self.counter),))


Filter = OneOf | Reaches | AtMost | NotBlocked
