"""The value of each of our columns that a mapping does not name, and what is lost by that."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, Literal

from orchestration.sources.mapping.fields import short

if TYPE_CHECKING:
    import pandas as pd

FIRST: Final = "first"  # the moment at which the entity was first seen
START: Final = "start"  # the start of the first day with events, or the first moment when that is known to be later
EVENT: Final = "event"  # when it happened
OWN: Final = "own"  # a different id for each row, so that all unknown creators do not count as one
JOINED: Final = "joined"  # the key and what happened, joined

From = Literal["first", "start", "event", "own", "joined"]
SUCCESS: Mapping[str, Any] = {"action": "watch", "watch_seconds": 0.0, "long_view": True}
"""The row that a success is written as: models learn to predict long views, which mapped files rarely measure."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A value, or where one is taken from; and in words what is lost (empty where nothing is)."""

    value: Any = None
    taken: From | None = None
    lost: str = ""


ABSENT: Mapping[str, Mapping[str, Absent]] = {
    "videos": {
        "creator_id": Absent(taken=OWN, lost="each video is its own creator: records, caps and follows tell nothing"),
        "category": Absent("unknown", lost="all videos share one topic: no taste for topics, no variety by topic"),
        "duration_s": Absent(lost="no length: length features and the share watched tell nothing"),
        "language": Absent("und", lost="no match of languages"),
        "regions": Absent((), lost="every video may be shown everywhere"),
        "uploaded_at": Absent(taken=FIRST, lost="a video counts as new from its first showing"),
        "status": Absent("live", lost="every video may be shown, also those that were taken down"),
        "age_rating": Absent("0", lost="every video counts as fit for all ages: the age filter does nothing"),
        "event_time": Absent(taken=START),
        "received_at": Absent(taken=EVENT),
    },
    "users": {
        "signup_at": Absent(taken=FIRST, lost="an account counts as made at its first showing"),
        "region": Absent("unknown", lost="one region: nothing is popular here and not there"),
        "language": Absent("und", lost="no match of languages"),
        "device": Absent("phone", lost="everybody counts as on a phone"),
        "age_group": Absent(lost="nobody's age is known: everybody counts as of the youngest group"),
        "status": Absent("active", lost="nobody counts as having left"),
        "event_time": Absent(taken=START),
        "received_at": Absent(taken=EVENT),
    },
    "impressions": {
        "received_at": Absent(taken=EVENT),
        "device": Absent("phone", lost="the device tells nothing"),
        "variant": Absent("mapped", lost="nobody knows what ranked these rows: no policies to compare"),
        "position": Absent(lost="the place on the page is unknown: a high place counts as much as liking"),
    },
    "engagements": {
        "event_id": Absent(taken=JOINED),
        "received_at": Absent(taken=EVENT),
    },
}  # fmt: skip


def filled(
    table: str, name: str, columns: Mapping[str, "pd.Series[Any]"], rows: int, key: tuple[str, ...]
) -> "pd.Series[Any]":
    """The values of an absent column, from the columns that exist already."""
    import pandas as pd

    absent = ABSENT.get(table, {}).get(name, Absent())
    match absent.taken:
        case "event":
            return columns["event_time"]
        case "own":
            return "of-" + columns[key[0]].astype("string")
        case "joined":
            parts = [
                columns[n].astype("string") for n in ("request_id", "user_id", "video_id", "action") if n in columns
            ]
            return short(reduce(lambda joined, part: joined + "-" + part, parts).astype(object))
    return pd.Series([absent.value] * rows, dtype=object)
