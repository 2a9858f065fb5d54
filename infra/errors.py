"""The project's exceptions, one small tree.

FlywheelError            anything raised on purpose; the message names the thing, the value, the rule, the next step
├── DefinitionError      a definition (table, feature, policy) contradicts itself or names what does not exist
├── BatchRefused         a delivered batch breaks a table rule; nothing downstream may run (batches/ledger.py)
├── NotTaken             a delivered file is not taken: what it is or where it lies is not what can be read
├── MendRefused          a file of mended rows cannot be read; nothing was replayed
├── NotProven            a release was to be promoted without a passing verdict, or without a proof of its deployment
├── ReleaseMismatch      a release's parts do not fit each other or the features of this checkout
├── HistoryLost          what was live when cannot be told: the release history is gone or broken, and so is its copy
├── TokenRefused         an impression token was forged, altered, has expired or is not ours
├── Unsafe               the service would stand open: a secret is missing, weak or readable by others
└── Unavailable          something that has to run (Redis, Java, the registry) does not
"""

from typing import ClassVar

from infra.address import shown

# ruff: noqa: N818 (an exception is named for what happened; the suffix would say it twice)


class FlywheelError(Exception):
    """Anything we raise on purpose. Whoever prints, logs or records it shows no password of an address in it.

    `title` is what a command calls it, the class' own name unless said; `exit_status` what the command ends with.
    """

    title: ClassVar[str] = ""
    exit_status: ClassVar[int] = 2

    def __init__(self, *said: object) -> None:
        super().__init__(*(shown(word) if isinstance(word, str) else word for word in said))


class DefinitionError(FlywheelError):
    """A definition contradicts itself or names what does not exist."""


class MendRefused(FlywheelError):
    """A file of mended rows cannot be read; nothing was replayed."""


class NotTaken(FlywheelError):
    """A delivered file is not taken: what it is or where it lies is not what can be read."""


class NotProven(FlywheelError):
    """A release was to be promoted without a passing verdict, or without a proof of its deployment."""


class ReleaseMismatch(FlywheelError):
    """A release's parts do not fit each other or the features of this checkout."""


class HistoryLost(FlywheelError):
    """What was live when cannot be told: the release history is gone or broken, and so is its copy."""


class TokenRefused(FlywheelError):
    """An impression token was forged, altered, has expired or is not ours."""


class Unsafe(FlywheelError):
    """The service would stand open: a secret is missing, weak or readable by others."""


class Unavailable(FlywheelError):
    """Something that has to run does not."""
