"""People who were erased while training rows were computed: what is stored of them afterwards goes, too."""

import pyarrow as pa
import pyarrow.compute as pc

from infra.lake import Lake, in_parts, united
from infra.lake_rows import names_below
from infra.masking import Names
from orchestration.erasure.erasers import Work, training
from orchestration.system import Installation
from validation.batches import erased_people

COMPUTED = ("labels", "training_sets")


def erase_again(installation: Installation) -> int:
    """Remove erased people from labels and training sets; returns how many rows that were.

    Call it when either was stored: an erasure may have looked there before, while the rows were still being computed
    from tables in which the people were. An erasure that begins later finds what is stored by itself.
    """
    person, tombstones = installation.system.person, erased_people(installation.lake)
    if person is None or not tombstones:
        return 0
    people = frozenset(each for each in _people(installation.lake, person) if each in tombstones)
    if not people:
        return 0
    return sum(training(installation, Work(person, Names(person, people), installation.now(), "")).values())


def _people(lake: Lake, person: str) -> set[str]:
    """Everybody who is in labels or training sets."""
    there = set[str]()
    for name in names_below(lake, *COMPUTED):
        files = lake.files(name)
        schema = united(files) if files else pa.schema([])
        if person in schema.names:
            for part in in_parts(files, schema, [person]):
                there.update(pc.unique(part.column(0)).to_pylist())
    return there
