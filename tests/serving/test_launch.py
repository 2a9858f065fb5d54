"""What is started ends with whoever started it, however that ended, and is asked politely first."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from infra.processes import end, killed_with_this_process
from tests.waiting import until

STARTS = """
import subprocess, sys
from infra.processes import killed_with_this_process
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
with killed_with_this_process(child):
    print(child.pid, flush=True)
    sys.stdin.read()
"""
TIDIES_UP = """
import pathlib, signal, sys, threading
asked = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: asked.set())
print("ready", flush=True)
asked.wait()
sum(range(10_000_000))
pathlib.Path(sys.argv[1]).write_text("handed over")
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV], ids=lambda sign: sign.name)
def test_a_service_does_not_outlive_its_starter_however_that_ends(sign: signal.Signals) -> None:
    command = [sys.executable, "-c", STARTS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        child = psutil.Process(int(starter.stdout.readline()))
        os.kill(starter.pid, sign)
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_process_that_is_asked_to_end_may_finish_what_it_does(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TIDIES_UP, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with killed_with_this_process(process):
            end(process)
    assert (tmp_path / "log").read_text() == "handed over"
