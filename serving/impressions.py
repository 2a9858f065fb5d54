"""What was shown as rows of the impressions table, for the decision log."""

import orjson

from serving.asker import Asked
from serving.definition import Served
from serving.ladder import Page
from validation.clock import written

VARIANT = "champion"
FLOAT32 = orjson.OPT_SERIALIZE_NUMPY  # in the digits that a float32 has: half as many, for half the time


class Lines:
    """Writes the pages of one system. Columns that its table does not have are left out."""

    def __init__(self, served: Served) -> None:
        self._names = served.policy.names
        self._columns = {column.name for column in served.impressions.columns}

    def of(self, page: Page, who: Asked) -> list[bytes]:
        """One JSON row an item shown, from the top."""
        names, at = self._names, written(page.at)
        shared = {
            **who.context,
            names.user: who.user.user,
            names.event_time: at,
            names.received_time: at,
            "request_id": page.request_id,
            "variant": VARIANT,
            "release": page.release.version if page.release else None,
            "served_by": page.served_by,
        }
        head = orjson.dumps({name: value for name, value in shared.items() if name in self._columns})[:-1] + b","
        features = [None] * len(page.items) if page.features is None else page.features
        places = range(1, len(page.items) + 1)
        each = zip(page.items, places, page.sources, page.propensities, features, strict=True)
        own = (names.item, "position", "source", "propensity", "served_features")
        return [head + orjson.dumps(dict(zip(own, values, strict=True)), option=FLOAT32)[1:] for values in each]
