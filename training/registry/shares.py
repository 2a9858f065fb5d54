"""What was live when, and for which share of the askers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from training.registry.moves import Move
from training.registry.standing import Standing, standing

HEAD = ("since", "until", "live", "share", "on trial", "stage", "share")


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which nothing moved: the release that was live, the one on trial, its stage and its share."""

    since: datetime
    until: datetime | None
    live: str
    trial: str = ""
    stage: str = ""
    share: int = 0

    def row(self) -> tuple[str, ...]:
        """The cells of a line, in the order of `HEAD`."""
        tried = (self.trial, self.stage, f"{self.share} %") if self.trial else ("", "", "")
        return (_moment(self.since), _moment(self.until), self.live, f"{100 - self.share} %", *tried)


def spans(moves: Sequence[Move]) -> list[Span]:
    """The spans of a history, oldest first; the last one has no end."""
    spans_so_far: list[Span] = []
    for number, move in enumerate(moves, 1):
        span = _begun(move.at, standing(moves[:number]))
        if span and (not spans_so_far or replace(spans_so_far[-1], since=span.since) != span):
            spans_so_far = [*[replace(earlier, until=earlier.until or span.since) for earlier in spans_so_far], span]
    return spans_so_far


def _begun(at: datetime, now: Standing) -> Span | None:
    if now.live is None:
        return None
    trial = now.trial
    return Span(at, None, now.live, trial.version, trial.stage, trial.share) if trial else Span(at, None, now.live)


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if at else ""
