"""What was shown as rows of the impressions table, for the decision log."""

import msgspec
import orjson

from infra.arrays import Float32s
from infra.clock import written
from serving.asker import RequestAsker
from serving.definition import Served
from serving.page import Page

# The columns that every decision log writes beside the table's own keys and times.
REQUEST, RELEASE, RUNG, POSITION, SOURCE = "request_id", "release", "served_by", "position", "source"
VARIANT = "variant"
PROPENSITY, SCORE, FEATURES = "propensity", "score", "served_features"
FLOAT32 = orjson.OPT_SERIALIZE_NUMPY  # in the digits that a float32 has: half as many, for half the time
_lines = msgspec.json.Encoder().encode_lines


class ImpressionRows:
    """Writes the pages of one system. Columns that its table does not have are left out."""

    def __init__(self, served: Served) -> None:
        self._names = served.policy.service.names
        self._item = orjson.dumps(served.policy.service.names.item)
        self._columns = {column.name for column in served.impressions.columns}
        scored = b',"score":%b' if SCORE in self._columns else b"%.0b"  # of which nothing is written
        row = b'%b,%b:%b,"position":%d,"source":%b,"propensity":%b' + scored
        self._row = row + b',"served_features":%b}'

    def of(self, page: Page, who: RequestAsker) -> list[bytes]:
        """One JSON row an item shown, from the top."""
        names, at = self._names, written(page.at)
        shared = {
            **who.context,
            names.user: who.user.user,
            names.event_time: at,
            names.received_time: at,
            REQUEST: page.request_id,
            VARIANT: page.variant,
            RELEASE: page.release.version if page.release else None,
            RUNG: page.served_by,
        }
        head = orjson.dumps({name: value for name, value in shared.items() if name in self._columns})[:-1]
        shown = len(page.items)
        items, sources = _lines(page.items).split(b"\n")[:-1], _lines(page.sources).split(b"\n")[:-1]
        chances, nothing = _numbers(page.propensities, shown), [b"null"] * shown
        scores = nothing if page.scores is None else _numbers(page.scores, shown)
        features = nothing if page.features is None else _rows(page.features)
        each = zip(items, range(1, shown + 1), sources, chances, scores, features, strict=True)
        return [self._row % (head, self._item, *values) for values in each]


def _numbers(values: Float32s, count: int) -> list[bytes]:
    """Each number as JSON; NaN as null."""
    return orjson.dumps(values, option=FLOAT32)[1:-1].split(b",")[:count]


def _rows(features: Float32s) -> list[bytes]:
    """Each row of (rows, features) as JSON; written together, which costs a quarter less than one by one."""
    return [b"[%b]" % row for row in orjson.dumps(features, option=FLOAT32)[2:-2].split(b"],[")][: len(features)]
