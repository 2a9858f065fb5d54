"""People taken out of labels and stored training sets."""

from collections.abc import Collection
from dataclasses import replace

from infra.errors import DefinitionError
from infra.lake import Lake
from infra.lake_rows import names_below, remove_rows, sweep
from training.rows.dataset import SETS, dataset_of, load_dataset, save_dataset


def remove_people_from_sets(lake: Lake, column: str, people: Collection[str], *, dry_run: bool = False) -> int:
    """Remove the rows about people from every stored training set; returns how many there were.

    A set without them has another digest: it is not the set any more that earlier releases were trained on.
    """
    return sum(_remove(lake, name, column, people, dry_run) for name in names_below(lake, SETS))


def _remove(lake: Lake, name: str, column: str, people: Collection[str], dry_run: bool) -> int:
    if not dry_run:
        sweep(lake, name)
    try:
        dataset = load_dataset(lake, name.removeprefix(f"{SETS}/"))
    except DefinitionError:  # its content is not what was saved: it is no set, and its rows go all the same
        return remove_rows(lake, name, column, people, dry_run=dry_run)
    if column not in dataset.frame.columns:
        return 0
    about = dataset.frame[column].isin(list(people)).to_numpy()
    if about.any() and not dry_run:
        frame = dataset.frame[~about].reset_index(drop=True)
        rest = dataset_of(frame, dataset.matrix[~about], dataset.features, dataset.lineage, dataset.neutral)
        if len(frame):
            rest = replace(rest, maturity=dataset.maturity, freshness=dataset.freshness)
            save_dataset(lake, name.removeprefix(f"{SETS}/"), rest)
        else:
            lake.switch(name, {}, only=True)
    return int(about.sum())
