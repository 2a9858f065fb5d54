"""What was shown as rows of the impressions table, for the decision log."""

import msgspec

from serving.asker import Asked
from serving.definition import Served
from serving.ladder import Page
from validation.clock import written

VARIANT = "champion"
encode = msgspec.json.Encoder().encode


def lines(served: Served, page: Page, who: Asked) -> list[bytes]:
    """One JSON row an item shown, from the top. Columns that the table does not have are left out."""
    names = served.policy.names
    at = written(page.at)
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
    columns = {column.name for column in served.impressions.columns}
    head = encode({name: value for name, value in shared.items() if name in columns})[:-1] + b","
    features = page.features.tolist() if page.features is not None else [None] * len(page.items)
    places = range(1, len(page.items) + 1)
    each = zip(page.items, places, page.sources, page.propensities.tolist(), features, strict=True)
    own = (names.item, "position", "source", "propensity", "served_features")
    return [head + encode(dict(zip(own, values, strict=True)))[1:] for values in each]
