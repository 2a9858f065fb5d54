"""An answer replayed: each item's score from the features as served, and what the log says of exploration."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from infra.arrays import Float32s
from infra.errors import DefinitionError, ReleaseMismatch
from infra.manifest import read_manifest
from infra.release_format import POLICY
from orchestration.reproduction.answer_log import LoggedAnswer, logged_answer
from orchestration.reproduction.lot import redrawn
from orchestration.system import Installation
from serving import policy_json
from serving.definition import Policy
from serving.feedback import POSITION, SOURCE
from serving.model import load_scorer
from serving.sources import Rare
from serving.steps import Exploration, Shuffle

HEAD = ("place", "item", "source", "logged score", "rebuilt score", "propensity", "")

NOT_HELD = "candidates, filters and the steps before exploration read what the log does not hold"


@dataclass(frozen=True)
class Replay:
    """An answer beside what was made again of it.

    scores       (rows,) as the release gives them for the features as served; None where no release scored it
    differences  a sentence for each item or propensity that differs
    notes        what was checked besides, and what the log does not say
    """

    answer: LoggedAnswer
    items: tuple[str, ...]
    scores: Float32s | None
    differences: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether everything that could be compared is equal to the last bit."""
        return not self.differences

    def table(self) -> list[tuple[str, ...]]:
        """The rows from the top of the page."""
        rebuilt = self.scores if self.scores is not None else np.full(len(self.items), np.nan, np.float32)
        columns = zip(self.answer.rows, self.items, self.answer.scores, rebuilt, self.answer.propensities, strict=True)
        return [
            (str(row.get(POSITION) or "–"), item, str(row.get(SOURCE) or "–"), _digits(logged), _digits(score),
             _digits(chance), "" if np.isnan(logged) or np.isnan(score) or logged == score else "differs")
            for row, item, logged, score, chance in columns
        ]  # fmt: skip


def replayed(installation: Installation, request: str, day: date | None = None) -> Replay:
    """The answer of a request, scored again by the release that served it."""
    answer = logged_answer(installation, request, day)
    items = tuple(str(row[installation.system.task.item]) for row in answer.rows)
    if answer.release is None:
        note = f"no release scored this answer (served by {answer.rung or 'unknown'}): it has no scores to rebuild"
        return Replay(answer, items, None, (), (note,))
    folder = release_folder(installation, answer)
    manifest = read_manifest(folder)
    features = answer.features(len(manifest.features))
    # The service keeps a column for each feature: in the same layout a sum over features rounds alike.
    scores = load_scorer(manifest.kind, folder).score(np.asfortranarray(features))
    differing, notes = tuple(_differing(items, answer.scores, scores)), []
    if np.isnan(answer.scores).any():
        notes.append("scores were not logged when this answer was given: there is nothing to compare them with")
    elif not differing:
        notes.append(f"all {len(items)} scores are equal to the last bit")
    lot = _lot(installation, folder, answer)
    notes += [*lot[1], NOT_HELD]
    return Replay(answer, items, scores, (*differing, *lot[0]), tuple(notes))


def release_folder(installation: Installation, answer: LoggedAnswer, version: str = "") -> Path:
    """The files of the release that scored an answer; raises ReleaseMismatch when they are gone or changed."""
    version = version or str(answer.release)
    try:
        return installation.registry.folder(version)
    except ReleaseMismatch as gone:
        local = installation.settings.releases / version
        raise ReleaseMismatch(
            f"request {answer.request} was scored by release {version}, whose files are gone or changed, here and in "
            f"MLflow ({gone}). Bring {local} back from a backup, or replay an answer of another release."
        ) from gone


def _differing(items: tuple[str, ...], logged: Float32s, rebuilt: Float32s) -> Iterator[str]:
    for item, before, now in zip(items, logged.tolist(), rebuilt.tolist(), strict=True):
        if not np.isnan(before) and before != now:
            yield f"{item}: score {_digits(before)} was logged, {_digits(now)} follows from the features as served"


def _lot(installation: Installation, folder: Path, answer: LoggedAnswer) -> tuple[list[str], list[str]]:
    """What differs in exploration, and what to say of it; a page without a chance in it is as it must be."""
    chances = answer.propensities
    if np.isnan(chances).any():
        return [], ["propensities were not logged"]
    if (chances == 1).all():
        return [], ["nothing was explored"]
    policy = _policy(installation, folder)
    steps = [step for step in policy.release.steps if isinstance(step, Exploration)]
    lots = tuple(source.name for source in policy.release.sources if isinstance(source, Rare))
    shuffles = [step.share for step in policy.release.steps if isinstance(step, Shuffle)]
    if not (steps or shuffles or lots):
        return ["propensities below 1 were logged, and the release's policy draws nothing by lot"], []
    return redrawn(answer, steps[-1].share if steps else 0.0, sum(shuffles), lots)


def _policy(installation: Installation, folder: Path) -> Policy:
    path = folder / POLICY
    if path.exists():
        return policy_json.from_json(path.read_bytes())
    if installation.system.policy is None:
        raise DefinitionError(f"{installation.system.name} serves nothing: there is no policy to replay with")
    return installation.system.page


def _digits(value: float) -> str:
    return "–" if np.isnan(value) else f"{np.float32(value)}"
