"""What was shown as rows of the impressions table, for the decision log."""

from typing import Any

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
    each = zip(page.items, page.propensities.tolist(), features, strict=True)
    return [
        head + encode(_own(names.item, item, place, propensity, served_features))[1:]
        for place, (item, propensity, served_features) in enumerate(each, 1)
    ]


def _own(item_name: str, item: str, place: int, propensity: float, features: list[float] | None) -> dict[str, Any]:
    return {item_name: item, "position": place, "propensity": propensity, "served_features": features}
