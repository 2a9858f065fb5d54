"""Runs the trial of a release in a child process: what it costs and how it ends touch no request."""

import asyncio
import logging
import os
import sys
from math import ceil
from pathlib import Path

from infra.errors import ReleaseMismatch
from infra.patience import LOOK_S, USUAL, Patience, Process, Waiting
from serving.model.trial_limits import ONE_THREAD
from serving.running import own_metrics_environment

LATER_S = 5  # CPU seconds after which the kernel ends a trial that this process did not end
log = logging.getLogger(__name__)


async def prove_in_child(folder: Path, most_cpu_s: float, patience: Patience = USUAL) -> None:
    """Prove the release in a process of its own.

    Raises ReleaseMismatch with what that process wrote, and Unavailable when it could not come to a result.
    """
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "serving.model.trial", str(folder), str(ceil(most_cpu_s) + LATER_S),
        env={**own_metrics_environment(), **ONE_THREAD, "PYTHONPATH": path},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        error_output = await _result(child, most_cpu_s, patience)
    finally:
        if child.returncode is None:  # too late, or its result is wanted no more
            child.kill()
    if child.returncode != 0:
        lines = error_output.decode(errors="replace").strip().splitlines()
        raise ReleaseMismatch(lines[-1] if lines else f"its trial ended with status {child.returncode}")


async def _result(child: asyncio.subprocess.Process, most_cpu_s: float, patience: Patience) -> bytes:
    """What a trial wrote to stderr until it ended, however long it had to wait for the CPU."""
    result = asyncio.ensure_future(child.communicate())
    waiting = Waiting("its trial", Process(child.pid), patience, say=log.info)
    try:
        while not (await asyncio.wait([result], timeout=LOOK_S))[0]:
            await asyncio.to_thread(waiting.look)
            if waiting.used_s > most_cpu_s:
                raise ReleaseMismatch(f"its trial took more than {most_cpu_s:.0f} s of CPU time")
        return result.result()[1]
    finally:
        result.cancel()
