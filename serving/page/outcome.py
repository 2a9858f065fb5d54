"""The outcome of scoring one request's candidates: they are ranked, or there is a reason why not."""

import msgspec

from infra.arrays import Float32s
from serving.items import Codes, ItemBlock
from serving.model import Release
from serving.page.slate import Arrangement


class Unranked(msgspec.Struct, frozen=True):
    """Nothing is scored, for this reason: the lowest rung answers."""

    reason: str


class Ranked(msgspec.Struct, frozen=True):
    """The candidates of `block` scored by `release`, and arranged.

    shown     places among the candidates, from the top
    scores    (candidates,) float32
    features  (candidates, features) float32, as scored
    took_s    CPU time of features and scores
    rung      one of `serving/page/rungs.py`; `reason` says why it is not the highest, or what is not as it should be
    """

    block: ItemBlock
    shown: Arrangement
    scores: Float32s
    features: Float32s
    release: Release
    rung: str
    reason: str | None
    took_s: float = 0.0

    @property
    def rows(self) -> Codes:
        """(shown,) the rows of the items shown, from the top."""
        return self.block.rows[self.shown.places]


Outcome = Ranked | Unranked
