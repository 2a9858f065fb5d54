"""What a trial may use: a broken model may take memory or time without end, or write files until the disk is full."""

import resource
from contextlib import suppress
from pathlib import Path

MEMORY = 3 << 29  # bytes of addresses: the libraries alone take half of them with one thread, and 0.25 GiB of memory
MEMORY_A_BYTE = 8  # and so many for each byte of the release: trees are read as JSON, too
# Each further thread of a library would take 72 MB of addresses, whatever it does: many on a machine of many cores.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
FIRST = "1000"  # where memory runs out all the same, the kernel ends this process and no worker
FILES, WRITTEN = 256, 64 << 20  # open at once; bytes of one file: the loops' machine code is kept


def limit(folder: Path, cpu_s: int) -> None:
    """Limit this process to what loading the release in a folder may take."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    _lower(resource.RLIMIT_AS, MEMORY + MEMORY_A_BYTE * size)
    _lower(resource.RLIMIT_CPU, cpu_s)
    _lower(resource.RLIMIT_NOFILE, FILES)
    _lower(resource.RLIMIT_FSIZE, WRITTEN)
    _lower(resource.RLIMIT_CORE, 0)
    with suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text(FIRST)


def _lower(kind: int, to: int) -> None:
    """Lower a limit for good; one that is lower already stays."""
    hard = resource.getrlimit(kind)[1]
    least = to if hard == resource.RLIM_INFINITY else min(to, hard)
    resource.setrlimit(kind, (least, least))
