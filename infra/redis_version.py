"""Whether a Redis server has the fix of CVE-2025-49844, by its version."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CVE = "CVE-2025-49844"
# The first fixed release of each line that was fixed. Lines after the last one are fixed, other lines are not.
FIXED: Mapping[str, Mapping[tuple[int, int], int]] = {
    "redis": {(6, 2): 20, (7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2},
    "valkey": {(7, 2): 11, (8, 0): 6, (8, 1): 4},
}
VERSION_LINE = re.compile(r"(redis|valkey)?[ -]?(?:server|version)? ?v=(\d+)\.(\d+)\.(\d+)", re.IGNORECASE)


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
        """Whether the server has the fix: a Lua script cannot run code of its own in it."""
        first_fixed, line = FIXED[self.kind], (self.major, self.minor)
        return line > max(first_fixed) or self.patch >= first_fixed.get(line, self.patch + 1)


def of_program(path: str) -> ServerVersion | None:
    """The version of a server's program; None where it prints none."""
    answer = subprocess.run([path, "--version"], check=False, capture_output=True, text=True, timeout=20)
    match = VERSION_LINE.search(answer.stdout)
    return _version(match[1] or "redis", match[2], match[3], match[4]) if match else None


def of_server(info: Mapping[str, Any]) -> ServerVersion | None:
    """The version in a server's answer to INFO; None where it has none, as some managed servers."""
    kind = "valkey" if "valkey_version" in info else "redis"
    parts = re.fullmatch(r"(\d+)\.(\d+)\.(\d+).*", str(info.get(f"{kind}_version", "")))
    return _version(kind, parts[1], parts[2], parts[3]) if parts else None


def advice(version: ServerVersion) -> str:
    """What to do about a version without the fix."""
    fixed = ", ".join(f"{major}.{minor}.{patch}" for (major, minor), patch in FIXED[version.kind].items())
    return (
        f"{version} has no fix of {CVE}: a Lua script may run code in the server (fixed in {fixed}). Update it, or set "
        "FLYWHEEL_REDIS_ACCEPT_OLD=true if your distribution has mended this version."
    )


def _version(kind: str, major: str, minor: str, patch: str) -> ServerVersion:
    return ServerVersion(kind.lower(), int(major), int(minor), int(patch))
