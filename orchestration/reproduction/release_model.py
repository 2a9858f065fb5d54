"""A release's model made again from what its manifest says, and compared by its bytes."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from feature_repo.folding import Snapshots
from feature_repo.recipe import recipe_of
from infra.errors import DefinitionError, ReleaseMismatch
from infra.manifest import Manifest, TrainingFacts, digest_of, read_manifest
from infra.release_format import GOLDEN, MANIFEST, read_golden_rows
from infra.removed_files import first_kept_day
from orchestration.labels import label_versions_of_days
from orchestration.system import Installation
from training.contenders import Fitted
from training.fitting import fit_contender
from training.release import training_facts
from training.rows import Dataset, build_training_set

HEAD = ("", "manifest", "here")
EVENTS = "events"  # where the rows of a rebuild come from, when the lake no longer has the set
SHORT = 16  # characters of a digest that people compare


@dataclass(frozen=True)
class Rebuild:
    """A model made again beside the one that was released.

    rows         where the training set came from
    compared     name → what the manifest says, what is here; of everything that a model depends on
    model        file, its sha256 by the manifest, the sha256 of what was made here
    golden       the largest difference between the golden rows' scores, None where the release has none to compare
    """

    version: str
    rows: str
    compared: dict[str, tuple[str, str]]
    model: tuple[str, str, str]
    golden: float | None

    @property
    def same(self) -> bool:
        """Whether the model has the same bytes."""
        return self.model[1] == self.model[2]

    @property
    def differing(self) -> list[str]:
        """What a model depends on and is another here."""
        return [name for name, (before, here) in self.compared.items() if before != here]

    def table(self) -> list[tuple[str, ...]]:
        """What a model depends on, the model last."""
        name, released, here = self.model
        return [(name, *pair) for name, pair in (self.compared | {name: (released[:SHORT], here[:SHORT])}).items()]

    def sentence(self) -> str:
        """The finding, and the next step where there is one."""
        name, golden = self.model[0], "" if self.golden is None else f" golden rows score up to {self.golden:.2g} away;"
        if self.same:
            others = f", although these differ: {', '.join(self.differing)}" if self.differing else ""
            return f"release {self.version}: {name} has the same bytes, from the {self.rows}{others}"
        why = ", ".join(self.differing) or "nothing that the manifest tells"
        commit = self.compared["commit"][0]
        then = f" Check out {commit} with its `make setup`, and call this again." if "code" in self.differing else ""
        return f"release {self.version}: {name} has other bytes;{golden} what differs: {why}.{then}"


def rebuilt(installation: Installation, version: str, *, from_events: bool = False) -> Rebuild:
    """The model of a release trained again from its training set, and compared with the manifest.

    from_events  make the training set of the events, also where the lake still holds it
    """
    manifest = _manifest(installation, version)
    facts = manifest.training
    if facts is None:
        raise ReleaseMismatch(
            f"release {version}: its manifest is older than the facts of training in it: seed, days and versions are "
            "not known. Models of later runs (`flywheel run retrain`) can be rebuilt."
        )
    task = installation.system.task
    data, source = _training_set(installation, manifest, facts, from_events)
    days = (facts.first_day, facts.last_day)
    here = training_facts(
        task, manifest.ranker, seed=facts.seed, target=facts.target, days=days, rows=len(data.frame),
        freshness=data.freshness,
    )  # fmt: skip
    recipe = digest_of(recipe_of(installation.system.features))
    digests = {"training set": (manifest.dataset_digest, data.digest), "recipe": (manifest.features_digest, recipe)}
    compared = {name: (before[:SHORT], now[:SHORT]) for name, (before, now) in digests.items()}
    if source == EVENTS:
        compared |= states_gone(installation, facts.first_day)
    fitted = fit_contender(data, task, manifest.ranker, facts.seed, facts.target)
    with tempfile.TemporaryDirectory() as scratch:
        path = fitted.save(Path(scratch))
        model = path.name, manifest.files[path.name], digest_of(path.read_bytes())
    golden = _golden(installation, version, fitted) if data.features == manifest.features else None
    return Rebuild(version, source, compared | dict(_facts(facts, here)), model, golden)


def _facts(before: TrainingFacts, here: TrainingFacts) -> Iterator[tuple[str, tuple[str, str]]]:
    """What the manifest and this checkout say of all that a model depends on but its rows and recipe."""
    yield "rows", (f"{before.rows:,}", f"{here.rows:,}")
    yield "days", (f"{before.first_day} to {before.last_day}", f"{here.first_day} to {here.last_day}")
    yield "target, seed", (f"{before.target}, {before.seed}", f"{here.target}, {here.seed}")
    yield "freshness", (str(before.freshness), str(here.freshness))
    yield "contender", (before.contender, here.contender)
    yield "split", (before.split, here.split)
    yield "code", (before.code[:SHORT], here.code[:SHORT])
    yield "commit", (before.commit[:SHORT] or "unknown", here.commit[:SHORT] or "unknown")
    yield "python", (before.python, here.python)
    yield "machine", (before.machine, here.machine)
    for name in sorted({*before.libraries, *here.libraries}):
        yield name, (before.libraries.get(name, "absent"), here.libraries.get(name, "absent"))


def _manifest(installation: Installation, version: str) -> Manifest:
    """The manifest of a release; of one whose other files are gone, the one that is left."""
    try:
        return read_manifest(installation.registry.folder(version))
    except ReleaseMismatch:
        left = _local(installation, version)
        if not (left / MANIFEST).is_file():
            raise
        return read_manifest(left)


def _training_set(
    installation: Installation, manifest: Manifest, facts: TrainingFacts, from_events: bool
) -> tuple[Dataset, str]:
    """The training set and where it came from: the one in the lake if it is the release's, else made of the events."""
    if not from_events:
        try:
            stored = installation.training_set()
        except DefinitionError:  # there is none, or its content has changed
            stored = None
        if stored is not None and stored.digest == manifest.dataset_digest:
            return stored, "training set in the lake"
    system = installation.system
    must_have_rows(installation, manifest.version, facts.first_day)
    versions = label_versions_of_days(installation, facts.first_day, facts.last_day, manifest.created_at)
    rows = build_training_set(versions, installation.store, system.features, system.task, facts.freshness)
    return rows, EVENTS


def must_have_rows(installation: Installation, version: str, first: date) -> None:
    """Raise ReleaseMismatch where rows shown since a day were removed by retention: what is left makes another set."""
    kept_from = first_kept_day(installation.lake, installation.system.task.decisions)
    if kept_from is not None and first < kept_from:
        raise ReleaseMismatch(
            f"release {version}: it learned from rows shown since {first}, and what was received before {kept_from} "
            f"was removed ({installation.ages.events} days is its limit). It cannot be made of events again; "
            "releases that learned from later days can (`flywheel releases`)."
        )


def states_gone(installation: Installation, first: date) -> dict[str, tuple[str, str]]:
    """From which day on there were states to join rows with that were shown since a day, and from which there are.

    Empty where retention removed none of them: they go before the rows of events do.
    """
    lake, features = installation.lake, installation.system.features
    opened, today = first - features.ttl, installation.now().date()
    published = [day for day in Snapshots(lake, features).published.records() if day >= opened]
    for view in features.counter_views:
        kept_from = today - timedelta(days=installation.ages.states_of(view, features, installation.history_days))
        there = lake.days(f"states/{view.name}")
        if there and published and published[0] < kept_from <= min(there):
            return {"states": (f"from {published[0]}", f"from {kept_from}")}
    return {}


def _golden(installation: Installation, version: str, fitted: Fitted) -> float | None:
    folder = _local(installation, version)
    if not (folder / GOLDEN).is_file():
        return None
    rows, scores = read_golden_rows(folder)
    return float(np.abs(fitted.scores(np.ascontiguousarray(rows, dtype=np.float32)) - scores).max(initial=0.0))


def _local(installation: Installation, version: str) -> Path:
    return installation.settings.releases / version
