"""The buttons: a move of a release, asked for by a form, made by the registry, refused where it was overtaken."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    order = {"who": who, "why": move.why, "at": room.installation.now(), "epoch": move.epoch}
    makes: Mapping[str, Callable[[], str]] = {
        "enter": lambda: f"release {move.version} is {registry.enter(move.version, **order)}",
        "advance": lambda: f"the release on trial is {registry.advance(**order)}",
        "pause": lambda: registry.pause(**order) or "the trial stays at its stage until it is resumed",
        "resume": lambda: registry.resume(**order) or "the trial goes on",
        "abort": lambda: f"the trial of release {registry.abort(**order)} was aborted",
        "promote": lambda: registry.promote(move.version, **order) or f"release {move.version} is live for all askers",
        "rollback": lambda: f"release {registry.rollback(**order)} is live again",
    }
    return makes[move.name]()
