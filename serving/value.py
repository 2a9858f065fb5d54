"""What every word of a ranking policy is."""

import msgspec


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen value of a policy: it travels in a release as JSON, and a field nobody knows is an error."""
