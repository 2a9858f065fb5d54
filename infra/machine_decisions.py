"""What the machinery decided by itself, with its evidence: one JSON line each, in the system's part of the home."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

FILE = "machine_decisions.jsonl"
Did = Literal["enter", "advance", "hold", "abort", "promote", "roll back", "retrain", "freeze", "drill", "refuse"]


class MachineDecision(msgspec.Struct, frozen=True, omit_defaults=True):
    """One decision: what was done to which release, the reason in a sentence, and the figures it was made on."""

    at: datetime
    did: Did
    says: str
    release: str | None = None
    evidence: Mapping[str, str | float | int | bool | None] = {}


def note(part: Path, decision: MachineDecision) -> None:
    """Append a decision to those of a system; `part` is its part of the home."""
    part.mkdir(parents=True, exist_ok=True)
    with (part / FILE).open("ab") as file:
        file.write(msgspec.json.encode(decision) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def noted(part: Path, newest: int = 100) -> list[MachineDecision]:
    """The newest decisions, oldest first. A line that was cut short by a crash is left out."""
    try:
        lines = (part / FILE).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    decisions = []
    for line in lines[-newest:]:
        try:
            decisions.append(msgspec.json.decode(line, type=MachineDecision))
        except msgspec.MsgspecError:
            continue
    return decisions
