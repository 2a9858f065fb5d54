"""The project's exceptions, one small tree.

FlywheelError            all errors below; the message names the thing, the value, the rule and the next step
├── DefinitionError      a definition (table, feature, policy) contradicts itself or names what does not exist
├── BatchRefused         a delivered batch breaks a table rule; nothing downstream may run (batches/ledger.py)
├── NotTaken             a delivered file is not ingested: its format or its place is not supported
├── MendRefused          a file of mended rows cannot be read; nothing was replayed
├── NotProven            a release was to be promoted without a passing verdict, or without a proof of its deployment
├── MoveRefused          a release cannot make this move from its stage
│   └── Overtaken        somebody else has moved a release since this move was decided
├── ReleaseMismatch      a release's parts do not fit each other or the features of this checkout
│   └── ReleaseNotSigned  … or it, or the pointer to it, bears no signature of the registry, or is an old one
├── NotMigrated          a home was made by an earlier version, and `flywheel migrate` has not moved its files yet
├── HistoryLost          which release was live when is not known: the history and its copy are gone or broken
├── TokenRefused         an impression token was forged, altered, has expired or is not ours
├── Unsafe               the service would not be protected: a secret is missing, weak or readable by others
└── Unavailable          something that has to run (Redis, Java, the registry) does not
"""

from typing import ClassVar

from infra.address import shown

# ruff: noqa: N818 (an exception is named for what happened; the suffix would say it twice)


class FlywheelError(Exception):
    """The base of our errors. Passwords of addresses in the message are replaced, so it may be printed and logged.

    `title` is its name in the output of a command, by default that of the class; `exit_status` is the command's.
    """

    title: ClassVar[str] = ""
    exit_status: ClassVar[int] = 2

    def __init__(self, *words: object) -> None:
        super().__init__(*(shown(word) if isinstance(word, str) else word for word in words))


class DefinitionError(FlywheelError):
    """A definition contradicts itself or names what does not exist."""


class MendRefused(FlywheelError):
    """A file of mended rows cannot be read; nothing was replayed."""


class NotTaken(FlywheelError):
    """A delivered file is not ingested: its format or its place is not supported."""


class NotProven(FlywheelError):
    """A release was to be promoted without a passing verdict, or without a proof of its deployment."""


class MoveRefused(FlywheelError):
    """A release cannot make this move from its stage; nothing was moved."""


class Overtaken(MoveRefused):
    """Somebody else has moved a release since this move was decided; nothing was moved."""


class ReleaseMismatch(FlywheelError):
    """A release's parts do not fit each other or the features of this checkout."""


class ReleaseNotSigned(ReleaseMismatch):
    """A release, or the pointer to it, bears no signature of the registry, or the pointer is an old one."""


class Frozen(FlywheelError):
    """Nothing may be trained now, and nothing trained may go live."""


class NotMigrated(FlywheelError):
    """A home was made by an earlier version; its files are where nothing looks for them now."""


class HistoryLost(FlywheelError):
    """Which release was live when is not known: the history and its copy are gone or broken."""


class TokenRefused(FlywheelError):
    """An impression token was forged, altered, has expired or is not ours."""


class Unsafe(FlywheelError):
    """The service would not be protected: a secret is missing, weak or readable by others."""


class Unavailable(FlywheelError):
    """Something that has to run does not."""
