"""Addresses without their passwords, for errors, logs and the screen."""

import re

# Up to the last `@` before a space, a quote or the path: a password may itself hold `@` and `:`.
_SECRET = re.compile(r"(?<=://)([^\s'\"/@:]*):[^\s'\"]*@(?=[^\s'\"@]*)")
_ASKED = re.compile(r"(?i)\b((?:\w*_)?(?:password|passwd|pwd|secret|token|key))=[^\s'\"&#]+")
HIDDEN = "***"


def shown(text: object) -> str:
    """A text with the password of every address in it hidden: `redis://:***@host:6379/0`."""
    return _ASKED.sub(rf"\1={HIDDEN}", _SECRET.sub(rf"\1:{HIDDEN}@", str(text)))
