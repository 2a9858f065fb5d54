"""The ledger of a group of features: bytes in the online store, time of a request, share of unknown values."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from feature_repo.assembly import Plan
from feature_repo.definition import FeatureSet
from feature_repo.records import layouts
from feature_repo.request_time import Code, Counters, Feature, Inputs, Match
from training.rows import Dataset

ROWS = 500  # candidates of a request
REPEATS = 20
NUMBER = np.dtype(np.float32).itemsize  # bytes of a counter
NOW = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class GroupCost:
    """What a group of features costs.

    online_bytes  of all records of the entities, those parts that no other group reads; keys and attributes not counted
    micros        to make its features for a request of 500 candidates, the shortest of some repetitions
    unknown       share of its values that are unknown in the training set
    """

    online_bytes: int
    micros: float
    unknown: float


def group_costs(
    features: FeatureSet, groups: Mapping[str, Sequence[str]], dataset: Dataset, entities: Mapping[str, int]
) -> dict[str, GroupCost]:
    """The ledger of each group.

    entities  counter view → entities that have a record of it
    """
    by_name = {feature.name: feature for feature in features.features}
    read_by = {group: {read for name in names for read in by_name[name].reads()} for group, names in groups.items()}
    return {
        group: GroupCost(
            _online_bytes(features, read_by, group, entities),
            request_micros([by_name[name] for name in names], features),
            float(np.isnan(dataset.matrix[:, [dataset.features.index(name) for name in names]]).mean()),
        )
        for group, names in groups.items()
    }


def _online_bytes(
    features: FeatureSet, read_by: Mapping[str, set[str]], group: str, entities: Mapping[str, int]
) -> int:
    """Counters that only this group reads; the whole record where no other group reads any of the view."""
    others = set().union(*(reads for name, reads in read_by.items() if name != group))
    size, records = 0, layouts(features)
    for view in features.counter_views:
        names = {f"{view.name}.{counter}" for counter in view.counters}
        own = names & read_by[group] - others
        if own:
            shared = names & others
            each = NUMBER * len(own) if shared else records[view.name].head.itemsize
            size += each * entities.get(view.name, 0)
    return size


def request_micros(of: Sequence[Feature], features: FeatureSet) -> float:
    """Microseconds to make these features for a request of 500 candidates, each with states of its own."""
    views = {view.name: (view.counters, np.array(view.half_lives)) for view in features.counter_views}
    plan, inputs = Plan(of, views), _inputs(of, features)
    plan.matrix(inputs)
    fastest = float("inf")
    for _ in range(REPEATS):
        began = time.perf_counter()
        plan.matrix(inputs)
        fastest = min(fastest, time.perf_counter() - began)
    return fastest * 1e6


def _inputs(of: Sequence[Feature], features: FeatureSet) -> Inputs:
    """A request of made-up states and attributes: how long it takes does not depend on the values."""
    draw = np.random.default_rng(0)
    counters = {
        view.name: Counters(
            draw.exponential(size=(ROWS, len(view.counters))).astype(np.float32),
            np.full(ROWS, NOW - 60.0), view.counters, np.array(view.half_lives),
        )
        for view in features.counter_views
    }  # fmt: skip
    fields: dict[str, np.ndarray] = {}
    context: dict[str, np.ndarray] = {}
    for feature in of:
        words = isinstance(feature, Match | Code)
        values = draw.choice(np.array(_words(feature), dtype=object), ROWS) if words else draw.exponential(1e3, ROWS)
        fields |= {name: values for name in feature.reads() if name.partition(".")[0] not in counters}
        context |= dict.fromkeys(feature.given(), values[:1] if words else values)
    return Inputs(ROWS, np.array([NOW]), counters, fields, context)


def _words(feature: Feature) -> tuple[str, ...]:
    return feature.vocabulary[:1] if isinstance(feature, Code) else ("a", "b")
