"""What was shown as rows of the impressions table, for the decision log."""

import orjson

from feature_repo.counters import Floats
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
        shown = len(page.items)
        chances = orjson.dumps(page.propensities, option=FLOAT32)[1:-1].split(b",")
        features = [b"null"] * shown if page.features is None else _rows(page.features)
        each = zip(page.items, range(1, shown + 1), page.sources, chances[:shown], features, strict=True)
        return [
            head + orjson.dumps({names.item: item, "position": place, "source": source})[1:-1]
            + b',"propensity":%b,"served_features":%b}' % (chance, row)
            for item, place, source, chance, row in each
        ]  # fmt: skip


def _rows(features: Floats) -> list[bytes]:
    """Each row of (rows, features) as JSON; all are written at once, for a quarter less than one by one."""
    return [b"[%b]" % row for row in orjson.dumps(features, option=FLOAT32)[2:-2].split(b"],[")][: len(features)]
