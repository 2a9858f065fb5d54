"""Finds the trace of a page among the files that the service wrote."""

from pathlib import Path

import msgspec

from orchestration.system import Installation
from serving.feedback import TRACES, PageTrace


def trace_of(installation: Installation, request: str) -> PageTrace | None:
    """The trace of a request; None where it was not traced, or its trace is too old to be there."""
    word = request.encode()
    for path in sorted(folder(installation).glob("*.jsonl*"), reverse=True):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # it was handed over meanwhile
            continue
        if word in content:
            trace = _in(content, request)
            if trace is not None:
                return trace
    return None


def folder(installation: Installation) -> Path:
    """Where a system's traces are."""
    return installation.settings.serving / TRACES


def _in(content: bytes, request: str) -> PageTrace | None:
    for line in content.split(b"\n"):
        if request.encode() in line:
            try:
                trace = msgspec.json.decode(line, type=PageTrace)
            except msgspec.MsgspecError:  # half a line of a file that is still written
                continue
            if trace.request_id == request:
                return trace
    return None
