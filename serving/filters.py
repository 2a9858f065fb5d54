"""The filters a policy is written in: what may be shown to whom. Whatever is unknown is not shown."""

from serving.value import Value


class OneOf(Value, frozen=True, tag=True):
    """An item may be shown only while its `field` is one of `values`; an unknown value is not."""

    field: str
    values: tuple[str, ...]


class Reaches(Value, frozen=True, tag=True):
    """An item may be shown only where its list `field` holds the asker's `attribute`.

    An empty list holds everyone. An item whose list is unknown, or that reaches only some when the asker's attribute is
    unknown, is not shown.
    """

    field: str
    attribute: str


class AtMost(Value, frozen=True, tag=True):
    """An item may be shown only while its `field` stands no later in `order` than the asker's `attribute`.

    An asker whose attribute is unknown counts as the first of the order. An item of an unknown value is not shown.
    """

    field: str
    attribute: str
    order: tuple[str, ...]


class NotBlocked(Value, frozen=True, tag=True):
    """An item may be shown only while the asker's `counter` for the item's `field` is not above one half.

    The counter is one that the features name in `ever`, of a view whose keys are the asker and the field: where it
    cannot be read, what a machine knows by heart decides. An item of an unknown field is not shown.
    """

    field: str
    counter: str


Filter = OneOf | Reaches | AtMost | NotBlocked
