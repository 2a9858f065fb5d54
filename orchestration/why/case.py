"""Why a case was decided so: from the decision log, the release, and the queue of reviews."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from infra.arrays import Float32s
from infra.errors import DefinitionError
from infra.manifest import read_manifest
from infra.release_format import OPERATING_POINT, POLICY, read_operating_point
from orchestration.reproduction import logged_case, release_folder
from orchestration.system import Installation
from orchestration.why.explanation import Influence, Why, WhyCase, influences, number
from serving.case_policy import CasePolicy, Decide, Say
from serving.deciding import ReviewQueue
from serving.model import load_scorer


def why_case(installation: Installation, key: str, day: date | None) -> Why:
    """Why a case was decided as it was, or its number said."""
    policy, answer = installation.system.policy, logged_case(installation, key, day)
    if not isinstance(policy, Decide | Say):
        raise DefinitionError(f"{installation.system.name} decides no cases")
    row, names = answer.rows[-1], policy.log
    table = installation.tables[installation.system.task.decisions]
    release, features = row.get(names.release), row.get(names.features)
    ranker = digest = act_from = rebuilt = None
    moved: tuple[Influence, ...] = ()
    if release is not None:
        folder = release_folder(installation, answer, str(release))
        manifest = read_manifest(folder)
        ranker, digest, act_from = manifest.ranker or manifest.kind, manifest.files.get(POLICY), _act_from(folder)
        if features is not None:
            if len(features) != len(manifest.features):
                raise DefinitionError(
                    f"case {key}: {len(features)} features were logged, release {release} reads "
                    f"{len(manifest.features)}: the log is not of that release. Look at another case."
                )
            rows = _array(features)
            scorer = load_scorer(manifest.kind, folder)
            rebuilt, moved = number(scorer.score(rows)[0]), influences(scorer, manifest, rows)[0]
    score = None if row.get(names.score) is None else number(np.float32(row[names.score]))
    case = WhyCase(
        action=row.get(names.action), value=_own(row, policy, "value"), promise=_own(row, policy, "promise"),
        score=score, rebuilt=rebuilt, threshold=row.get(names.threshold), act_from=act_from,
        propensity=row.get(names.propensity), by_lot=row.get(names.by_lot), reasons=tuple(row.get(names.reasons) or ()),
        queue=_queue(installation, policy, key), influences=moved,
    )  # fmt: skip
    differs = None not in {score, rebuilt} and score != rebuilt
    return Why(
        request=key, at=str(row.get(table.event_time)), asker=_text(row.get(table.person) if table.person else None),
        release=_text(release), ranker=ranker, policy=digest[:12] if digest else None,
        variant=row.get(names.variant), served_by=row.get(names.served_by), reason=None, logged=answer.place, case=case,
        differences=(f"score {score} was logged, {rebuilt} follows from the features as served",) if differs else (),
        notes=tuple(_notes(score, rebuilt, differs=differs)),
    )  # fmt: skip


def _notes(score: float | None, rebuilt: float | None, *, differs: bool) -> list[str]:
    if score is None:
        return ["this case was decided without a score: a rule decided it first, or no release could score it"]
    if rebuilt is None:
        return ["its features were not logged: its score cannot be made again"]
    return [] if differs else ["the score is equal to the last bit"]


def _own(row: dict[str, Any], policy: CasePolicy, column: str) -> float | None:
    name = getattr(policy, column, "")
    value = row.get(name) if name else None
    return None if value is None else float(value)


def _act_from(folder: Path) -> float | None:
    return read_operating_point(folder).act_from if (folder / OPERATING_POINT).exists() else None


def _queue(installation: Installation, policy: CasePolicy, key: str) -> str | None:
    """Whether the case waits for a reviewer; None for a policy without a queue."""
    path = installation.settings.serving / ReviewQueue.FILE
    if not isinstance(policy, Decide) or policy.queue is None or not path.exists():
        return None
    queue = ReviewQueue(path)
    try:
        review = queue.find(key)
    finally:
        queue.close()
    if review is None:
        return "it does not wait for a reviewer"
    since = datetime.fromtimestamp(review.at, UTC)
    lot = ", chosen by lot" if review.by_lot else ""
    return f"it waits for a reviewer since {since:%Y-%m-%d %H:%M} UTC{lot}; {review.loss:.2f} may be lost"


def _array(features: list[float | None]) -> Float32s:
    return np.array([[np.nan if value is None else value for value in features]], dtype=np.float32)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
