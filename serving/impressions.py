"""What was shown as rows of the impressions table, for the decision log."""

from typing import Any

from serving.asker import Asked
from serving.definition import Served
from serving.ladder import Page
from validation.clock import written

VARIANT = "champion"


def rows(served: Served, page: Page, who: Asked) -> list[dict[str, Any]]:
    """One row an item shown, from the top. Columns that the table does not have are left out."""
    names = served.policy.names
    shared = {
        **who.context,
        names.user: who.user.user,
        names.event_time: written(page.at),
        names.received_time: written(page.at),
        "request_id": page.request_id,
        "variant": VARIANT,
        "release": page.release.version if page.release else None,
        "served_by": page.served_by,
        "propensity": 1.0,  # nothing is drawn by chance yet
    }
    columns = {column.name for column in served.impressions.columns}
    shared = {name: value for name, value in shared.items() if name in columns}
    features = page.features.tolist() if page.features is not None else [None] * len(page.items)
    return [
        {**shared, names.item: item, "position": place, "served_features": features[place - 1]}
        for place, item in enumerate(page.items, 1)
    ]
