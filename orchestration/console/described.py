"""What is known of items and people, as words: their profiles, read from the online store."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np

from feature_repo.records import Layout, connect, errors_as_unavailable, layouts, read_records, split
from infra.pseudonyms import stored_id
from orchestration.console.words import figure, moment
from orchestration.system import Installation

Words = dict[str, str]
ANSWERS_IN_S = 2.0
LOOKED_THROUGH = 400  # records, to find some people


def described(installation: Installation, view: str | None, ids: Sequence[str]) -> dict[str, Words]:
    """The profile of each id that has one, a word a field; raises Unavailable without the online store."""
    layout = layouts(installation.system.features).get(view or "")
    if layout is None or not ids:
        return {}
    with connect(installation.settings.redis_url, ANSWERS_IN_S) as redis:
        records = read_records(redis, layout, [(each,) for each in ids])
    fields = [*layout.floats, *layout.others]
    columns = {name: records.column(name) for name in fields}
    return {
        each: {name: said for name in fields if (said := _said(layout, name, columns[name][row]))}
        for row, each in enumerate(ids)
        if records.present[row]
    }


def person(installation: Installation, view: str | None, named: str) -> Words:
    """The profile of a person by the id that callers use; empty where nothing is known of them."""
    stored = stored_id(installation.settings, named)
    return described(installation, view, [stored]).get(stored, {})


def some_people(installation: Installation, view: str | None, most: int = 8) -> list[str]:
    """Ids of some people who are known, as they are kept; raises Unavailable without the online store."""
    layout = layouts(installation.system.features).get(view or "")
    if layout is None:
        return []
    with connect(installation.settings.redis_url, ANSWERS_IN_S) as redis, errors_as_unavailable(redis):
        keys = islice(redis.scan_iter(match=f"{layout.prefix}*", count=LOOKED_THROUGH), LOOKED_THROUGH)
        stored_keys = sorted(key.decode().removeprefix(layout.prefix) for key in keys)
    step = max(1, len(stored_keys) // most)
    return [split(word)[0] for word in stored_keys[::step]][:most]


def _said(layout: Layout, name: str, value: Any) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if layout.others.get(name) == "UnixTimestamp":
        return moment(datetime.fromtimestamp(float(value) / 1e6, UTC))
    if name.endswith("_at") and isinstance(value, int | float | np.number):  # seconds since the epoch
        return moment(datetime.fromtimestamp(float(value), UTC))
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(map(str, value))
    return figure(float(value)) if isinstance(value, np.floating) else str(value)
