"""The project's exceptions, one small tree.

    FlywheelError            anything we raise on purpose; its message names the thing, the value, the rule, the next step
    ├── DefinitionError      a definition (table, feature, label, policy) contradicts itself or names what does not exist
    ├── BatchRefused         a delivered batch breaks a table rule; nothing downstream may run
    ├── NotProven            a release was to be promoted without a passing verdict
    ├── ReleaseMismatch      a release's parts do not fit each other or the features of this checkout
    └── Unavailable          something that has to run (Redis, Java, the registry) does not
"""


class FlywheelError(Exception):
    """Anything we raise on purpose."""


class DefinitionError(FlywheelError):
    """A definition contradicts itself or names what does not exist."""


class BatchRefused(FlywheelError):
    """A delivered batch breaks a table rule; nothing downstream may run."""


class NotProven(FlywheelError):
    """A release was to be promoted without a passing verdict."""


class ReleaseMismatch(FlywheelError):
    """A release's parts do not fit each other or the features of this checkout."""


class Unavailable(FlywheelError):
    """Something that has to run does not."""
