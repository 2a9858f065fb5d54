"""Whether a Redis server, by the version it tells, has the fix of CVE-2025-49844."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CVE = "CVE-2025-49844"
# The first release with the fix in each line that got one; lines after the last one have it, others do not.
FIXED: Mapping[str, Mapping[tuple[int, int], int]] = {
    "redis": {(6, 2): 20, (7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2},
    "valkey": {(7, 2): 11, (8, 0): 6, (8, 1): 4},
}
TOLD = re.compile(r"(redis|valkey)?[ -]?(?:server|version)? ?v=(\d+)\.(\d+)\.(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """What a server is: `kind` is redis or valkey."""

    kind: str
    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.kind} {self.major}.{self.minor}.{self.patch}"

    @property
    def fixed(self) -> bool:
        """Whether a Lua script can no longer run code of its own in the server."""
        known, line = FIXED[self.kind], (self.major, self.minor)
        return line > max(known) or self.patch >= known.get(line, self.patch + 1)


def of_program(path: str) -> ServerVersion | None:
    """The version of a server's program; None where it does not say."""
    done = subprocess.run([path, "--version"], check=False, capture_output=True, text=True, timeout=20)
    found = TOLD.search(done.stdout)
    return _version(found[1] or "redis", found[2], found[3], found[4]) if found else None


def of_server(info: Mapping[str, Any]) -> ServerVersion | None:
    """The version in what a server answers to INFO; None where it does not say, as some that are managed by others."""
    kind = "valkey" if "valkey_version" in info else "redis"
    parts = re.fullmatch(r"(\d+)\.(\d+)\.(\d+).*", str(info.get(f"{kind}_version", "")))
    return _version(kind, parts[1], parts[2], parts[3]) if parts else None


def advice(found: ServerVersion) -> str:
    """What to do about a version without the fix."""
    fixed = ", ".join(f"{major}.{minor}.{patch}" for (major, minor), patch in FIXED[found.kind].items())
    return (
        f"{found} has no fix of {CVE}: a Lua script may run code in the server (fixed in {fixed}). Update it, or set "
        "FLYWHEEL_REDIS_ACCEPT_OLD=true if your distribution has mended this version."
    )


def _version(kind: str, major: str, minor: str, patch: str) -> ServerVersion:
    return ServerVersion(kind.lower(), int(major), int(minor), int(patch))
