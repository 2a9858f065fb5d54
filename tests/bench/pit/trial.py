"""One store in a process of its own: what it answers, and what that costs with everything it started.

python -m tests.bench.pit.trial WHAT STORE FOLDER   writes FOLDER/STORE-WHAT.parquet or .json; `measured` starts it
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.bench.costs import cpu_s, family

WORK = {"retrieve": "retrieval", "cases": "cases", "fill": "filling"}
EVERY_S = 0.2
MIB = 1 << 20
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Trial:
    """CPU seconds and peak memory (MiB, RSS) of the whole process tree; `fault` says why there is no answer."""

    cpu_s: float
    peak_mib: float
    wall_s: float
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a process may take, of wall time and of memory; then it is ended, and its row says so."""

    wall_s: float
    peak_mib: float

    def passed(self, wall_s: float, peak_mib: float) -> str:
        """Which of them is passed; empty where none is."""
        if wall_s > self.wall_s:
            return f"not done within the limit of {self.wall_s:,.0f} s"
        return f"took more than the limit of {self.peak_mib:,.0f} MiB" if peak_mib > self.peak_mib else ""


def measured(command: list[str], limits: Limits, packages: Path | None = None) -> Trial:
    """Run a command of this module and watch its tree until it is done or passes a limit.

    packages  a folder of further packages, looked at after all others
    """
    environment = dict(os.environ) | ({"PIT_PACKAGES": str(packages)} if packages else {})
    began, cpu, peak = time.monotonic(), 0.0, 0.0
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.pit.trial", *command], env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while process.poll() is None:
            try:
                cpu, peak = max(cpu, cpu_s(process.pid)), max(peak, _rss(process.pid))
                process.wait(EVERY_S)
            except subprocess.TimeoutExpired:
                if fault := limits.passed(time.monotonic() - began, peak):
                    return Trial(cpu, peak, time.monotonic() - began, fault)
        said = process.stderr.read().strip().splitlines() if process.stderr else []
    finally:
        _end(process)
    fault = (said or ["no reason given"])[-1][:200] if process.returncode else ""
    return Trial(cpu, peak, time.monotonic() - began, fault)


def _rss(root: int) -> float:
    """Resident MiB of a process and its living descendants."""
    pages = 0
    for pid in family(root):
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return pages * PAGE_BYTES / MIB


def _end(process: subprocess.Popen[str]) -> None:
    """End the process with everything it started: they are a session of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stderr:
        process.stderr.close()


def main(what: str, store: str, folder: Path) -> None:
    """The process of one store. Java's last CPU is counted because the tree is read until its end."""
    if packages := os.environ.get("PIT_PACKAGES"):
        sys.path.append(packages)
    import_module(f"tests.bench.pit.{WORK[what]}").run(store, folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    sys.stdout.flush()
