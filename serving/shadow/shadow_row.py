"""One request that was scored twice, as the shadow log holds it."""

from typing import Any

import msgspec


class ShadowRow(msgspec.Struct, frozen=True):
    """What the release on trial would have done with what the champion answered.

    at                             when the champion answered, as in the decision log
    asker                          a user, or the key of a case
    champion, challenger           versions of both releases
    count                          how many candidates were scored
    rank_agreement                 Kendall's tau-b of both orders of the candidates, None for cases
    score_shift                    mean of the challenger's score less the champion's
    changed                        whether the first page, or the action, would be another one
    champion_ms, challenger_ms     CPU time of features and scores
    error                          why the challenger could not score
    """

    request_id: str
    at: str
    asker: str
    champion: str
    challenger: str
    count: int
    champion_ms: float
    rank_agreement: float | None = None
    score_shift: float | None = None
    changed: bool | None = None
    challenger_ms: float | None = None
    error: str | None = None

    def but(self, **values: Any) -> "ShadowRow":
        """The row with other values."""
        return msgspec.structs.replace(self, **values)
