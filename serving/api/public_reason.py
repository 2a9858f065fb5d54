"""The reason in an answer, without what callers should not learn of this machine; the log has all of it."""

import re

MOST = 200  # characters
# Paths and URLs; addresses, with their port.
PRIVATE = re.compile(r"\S*[/\\]\S*|\d{1,3}(?:\.\d{1,3}){3}(?:\D{1,3}\d+)?")


def for_callers(why: str | None) -> str | None:
    """The first line without paths and addresses: libraries put both, and stack traces, into their messages."""
    if why is None:
        return None
    return PRIVATE.sub("…", why.partition("\n")[0])[:MOST]
