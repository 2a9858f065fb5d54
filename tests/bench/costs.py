"""What a process and everything it started cost: CPU seconds and memory, as the kernel counts them (Linux)."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Memory:
    """One process in MiB. `pss` is its fair share of what it shares; `own` is what one more such process would take.

    `arrays` are files that are mapped to be shared, item states above all: nobody's own, even while only one process
    maps them.
    The `code` of libraries is counted as own, although a second worker would share it with the first.
    """

    command: str
    rss: float
    pss: float
    own: float
    code: float
    arrays: float

    @property
    def shared(self) -> float:
        """What it uses together with others."""
        return self.rss - self.own


def cpu_s(root: int) -> float:
    """CPU seconds, user and system, of a process, its living descendants and those it has already waited for."""
    return sum(sum(map(int, _stat(pid)[11:15])) for pid in family(root)) / TICKS


def age_s(pid: int) -> float:
    """Seconds since a process was made."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(_stat(pid)[19]) / TICKS


def memory(root: int) -> list[Memory]:
    """A line a process of the family."""
    return [_memory(pid) for pid in family(root)]


def family(root: int) -> list[int]:
    """The process and its living descendants."""
    return [root, *(pid for child in _children(root) for pid in family(child))]


def _children(pid: int) -> Iterator[int]:
    for task in sorted((PROC / str(pid) / "task").glob("*")):
        try:
            yield from map(int, (task / "children").read_text().split())
        except FileNotFoundError:  # a thread that has ended meanwhile
            continue


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command, which may hold anything; none where it has ended."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return ["0"] * 50


def _memory(pid: int) -> Memory:
    mib, arrays, shared = dict.fromkeys(("Rss", "Pss", "Private_Clean", "Private_Dirty"), 0.0), 0.0, False
    for line in (PROC / str(pid) / "smaps").read_text().splitlines():
        name, *words = line.split()
        if not name.endswith(":"):  # a mapping begins, with its addresses and permissions
            shared = words[0].endswith("s")
        elif name[:-1] in mib and not (shared and name.startswith("Private")):
            mib[name[:-1]] += float(words[0]) / 1024
            arrays += float(words[0]) / 1024 if shared and name == "Rss:" else 0.0
    command = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    own = mib["Private_Clean"] + mib["Private_Dirty"]
    return Memory(command, mib["Rss"], mib["Pss"], own, mib["Private_Clean"], arrays)
