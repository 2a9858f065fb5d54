"""What is live for which share of the askers, read from the pointer that the service follows."""

from dataclasses import dataclass
from datetime import datetime

from infra.errors import Unavailable
from infra.release_format import LIVE, read_live_pointer
from orchestration.console.charts import Part
from orchestration.system import Installation

NAMES = {
    "champion": "the release that is live",
    "challenger": "the release on trial",
    "holdback": "held back from every trial, to know what releases are worth",
    "lowest": "always the lowest rung, so that it never rots",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is answered by what.

    parts   the variants by their share of all askers
    since   since when the champion is live, and who promotions it so, why
    """

    champion: str
    previous: str | None
    challenger: str | None
    epoch: int
    parts: tuple[Part, ...]
    since: datetime | None = None
    who: str = ""
    why: str = ""

    @property
    def shadow(self) -> bool:
        """Whether the release on trial answers nobody yet."""
        return self.challenger is not None and not any(part.name == "challenger" and part.share for part in self.parts)


def standing(installation: Installation) -> Standing:
    """What is live; raises Unavailable where nothing is."""
    pointer = read_live_pointer(installation.settings.releases / LIVE)
    if pointer is None:
        raise Unavailable("no release is live yet: every answer comes from the lowest rungs (`flywheel run release`)")
    lowest, holdback = _always(installation)
    left = max(0.0, 1.0 - lowest - holdback)
    challenger = left * (pointer.challenger.share / 100 if pointer.challenger else 0.0)
    shares = {"champion": left - challenger, "challenger": challenger, "holdback": holdback, "lowest": lowest}
    promotions = [move for move in installation.registry.history() if move.after == pointer.champion.version]
    return Standing(
        champion=pointer.champion.version,
        previous=pointer.previous.version if pointer.previous else None,
        challenger=pointer.challenger.release.version if pointer.challenger else None,
        epoch=pointer.epoch,
        parts=tuple(Part(name, share, name) for name, share in shares.items() if share or name == "champion"),
        since=promotions[-1].at if promotions else None,
        who=promotions[-1].who if promotions else "",
        why=promotions[-1].why if promotions else "",
    )


def _always(installation: Installation) -> tuple[float, float]:
    """The shares that never change, as this checkout's policy has them: of the lowest rung, and held back."""
    policy = installation.system.policy
    limits = getattr(getattr(policy, "release", policy), "limits", None)
    return float(getattr(limits, "lowest_share", 0.0)), float(getattr(limits, "holdback_share", 0.0))
