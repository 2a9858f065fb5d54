"""The buttons: a move of a release, asked for by a form, made by the registry, refused where it was overtaken."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from orchestration.console.forms import reason_in
from orchestration.console.rooms import Room
from serving.access import RefusedError
from training.registry import Registry

VERSION, EPOCH = re.compile(r"[1-9][0-9]{0,8}"), re.compile(r"[0-9]{1,12}")
NAMES = ("enter", "advance", "pause", "resume", "abort", "promote", "rollback")
OF_A_VERSION = ("enter", "promote")


@dataclass(frozen=True, slots=True)
class Move:
    """What a form asks for.

    epoch  the number of moves that the page showed: when another one was made since, this one is refused
    """

    name: str
    why: str
    epoch: int
    version: str = ""

    @classmethod
    def of(cls, name: str, form: Mapping[str, str]) -> "Move":
        """The move of a form; raises RefusedError where it says too little."""
        if name not in NAMES:
            raise RefusedError(404, f"`{name[:40]}` is no move: there are {', '.join(NAMES)}")
        why, epoch, version = reason_in(form), form.get("epoch", ""), form.get("version", "")
        if not EPOCH.fullmatch(epoch):
            raise RefusedError(
                422, "the form does not say which state of the releases it was made on: load the page again"
            )
        if name in OF_A_VERSION and not VERSION.fullmatch(version):
            raise RefusedError(422, "the form names no release: choose one from the list")
        return cls(name, why, int(epoch), version)


async def made(room: Room, move: Move, who: str) -> str:
    """Make a move; returns a sentence about it. Raises what the registry raises: then nothing was moved."""
    return await asyncio.to_thread(_make, room.installation.registry, move, who, room)


def _make(registry: Registry, move: Move, who: str, room: Room) -> str:
    at, why, epoch, version = room.installation.now(), move.why, move.epoch, move.version
    if move.name == "promote":
        registry.promote(version, who=who, why=why, at=at, epoch=epoch)
        return f"release {version} is live for all askers"
    if move.name == "enter":
        return f"release {version} is {registry.enter(version, who, why, at, epoch=epoch)}"
    if move.name == "rollback":
        return f"release {registry.rollback(who, why, at, epoch=epoch)} is live again"
    return _move_trial(registry, move, who, at)


def _move_trial(registry: Registry, move: Move, who: str, at: datetime) -> str:
    why, epoch = move.why, move.epoch
    if move.name == "advance":
        return f"the release on trial is {registry.advance(who, why, at, epoch=epoch)}"
    if move.name == "abort":
        return f"the trial of release {registry.abort(who, why, at, epoch=epoch)} was aborted"
    if move.name == "pause":
        registry.pause(who, why, at, epoch=epoch)
        return "the trial stays at its stage until it is resumed"
    registry.resume(who, why, at, epoch=epoch)
    return "the trial goes on"
