"""Why a page looked as it did: from the decision log, the page's trace where there is one, and the release."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s
from infra.errors import DefinitionError
from infra.manifest import Manifest, read_manifest
from infra.release_format import POLICY
from orchestration.reproduction import NOT_HELD, Replay, release_folder, replayed
from orchestration.system import Installation
from orchestration.why.explanation import Influence, Why, WhyItem, influences, number
from orchestration.why.trace_files import trace_of
from serving.feedback import POSITION, PROPENSITY, SCORE, SHOWN, SOURCE, VARIANT, PageTrace
from serving.model import Scorer, load_scorer


def why_page(installation: Installation, request: str, item: str | None, day: date | None) -> Why:
    """Why the page of a request, or one item of it, looked as it did."""
    replay = replayed(installation, request, day)
    answer, trace = replay.answer, trace_of(installation, request)
    why = Why(
        request=request, at=str(answer.rows[0].get(_time(installation))), asker=_asker(installation, answer.rows[0]),
        release=answer.release, ranker=None, policy=None, variant=answer.rows[0].get(VARIANT),
        served_by=answer.rung, reason=trace.reason if trace else None, logged=answer.place,
        differences=replay.differences, notes=(*replay.notes, *([] if trace else [_untraced(installation)])),
    )  # fmt: skip
    if answer.release is None:
        shown = [_shown(row, name, None, ()) for row, name in zip(answer.rows, replay.items, strict=True)]
        return _about(msgspec.structs.replace(why, items=tuple(shown)), item)
    folder = release_folder(installation, answer)
    manifest = read_manifest(folder)
    scorer = load_scorer(manifest.kind, folder)
    why = msgspec.structs.replace(
        why, ranker=manifest.ranker or manifest.kind, policy=manifest.files.get(POLICY, "")[:12] or None
    )
    if trace is None:
        return _about(msgspec.structs.replace(why, items=tuple(_logged(replay, manifest, scorer))), item)
    return _about(_traced(why, replay, trace, manifest, scorer), item)


def _about(why: Why, item: str | None) -> Why:
    """All of it, or what is about one item; raises DefinitionError where nothing is known of that."""
    if item is None:
        return why
    items = tuple(one for one in why.items if one.item == item)
    if not items:
        known = (
            f"it was none of the {why.candidates} candidates: no source gave it, or a filter kept it from this asker"
            if why.traced
            else f"it was not shown, and {why.notes[-1]}"
        )
        raise DefinitionError(f"request {why.request}, item `{item}`: {known}. See the page: `flywheel why REQUEST`.")
    return msgspec.structs.replace(why, items=items)


def _logged(replay: Replay, manifest: Manifest, scorer: Scorer) -> Iterator[WhyItem]:
    """What was shown, by the decision log."""
    features = replay.answer.features(len(manifest.features))
    moved, scores = influences(scorer, manifest, features), _numbers(replay.scores, len(replay.items))
    for row, name, score, parts in zip(replay.answer.rows, replay.items, scores, moved, strict=True):
        yield _shown(row, name, score, parts)


def _shown(row: dict[str, Any], name: str, rebuilt: float | None, moved: Sequence[Influence]) -> WhyItem:
    return WhyItem(
        item=name, place=row.get(POSITION), source=row.get(SOURCE), score=_float32(row.get(SCORE)), rebuilt=rebuilt,
        propensity=_float32(row.get(PROPENSITY)), ranks={}, influences=tuple(moved),
    )  # fmt: skip


def _traced(why: Why, replay: Replay, trace: PageTrace, manifest: Manifest, scorer: Scorer) -> Why:
    """All candidates, by the trace: scored again, with their rank after each step."""
    features, scores, orders = trace.feature_array(), trace.score_array(), trace.order_arrays()
    # The service keeps a column for each feature: in the same layout a sum over features rounds alike.
    rebuilt = scorer.score(np.asfortranarray(features))
    moved, shown = influences(scorer, manifest, features), orders.pop(SHOWN)
    ranks = {step: _ranks(order, len(scores)) for step, order in orders.items()}
    rows = dict(zip(replay.items, replay.answer.rows, strict=True))
    last = next(reversed(orders.values()), shown)
    places = list(dict.fromkeys([*shown.tolist(), *last.tolist()]))
    items = [
        WhyItem(
            item=trace.items[at], place=rows.get(trace.items[at], {}).get(POSITION), source=trace.sources[at] or None,
            score=number(scores[at]), rebuilt=number(rebuilt[at]),
            propensity=_float32(rows.get(trace.items[at], {}).get(PROPENSITY)),
            ranks={step: int(of[at]) for step, of in ranks.items() if of[at]}, influences=moved[at],
        )
        for at in places
    ]  # fmt: skip
    differing = [
        f"{one.item}: score {one.score} was traced, {one.rebuilt} follows from its features"
        for one, same in zip(items, (scores == rebuilt)[places].tolist(), strict=True) if not same
    ]  # fmt: skip
    page = tuple(trace.items[at] for at in shown.tolist())
    if page != replay.items:
        differing.append(f"the trace shows {', '.join(page)}; the log {', '.join(replay.items)}")
    notes = tuple(note for note in why.notes if note != NOT_HELD)
    if not differing:
        notes = (*notes, f"so are those of all {len(scores)} candidates, by their trace")
    return msgspec.structs.replace(
        why, traced=True, candidates=len(scores), steps=tuple(orders), items=tuple(items),
        differences=(*why.differences, *differing), notes=notes,
    )  # fmt: skip


def _ranks(order: NDArray[Any], count: int) -> NDArray[np.int64]:
    """(candidates,) the rank of each, from 1; 0 for one that is not in the order: what was found by lot comes later."""
    ranks = np.zeros(count, dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def _float32(logged: Any) -> float | None:
    """A number as the service had it: the log has the digits that a float32 needs."""
    return None if logged is None else number(np.float32(logged))


def _numbers(values: Float32s | None, count: int) -> list[float | None]:
    return [None] * count if values is None else [number(value) for value in values]


def _untraced(installation: Installation) -> str:
    from infra.systems import named_system

    share = named_system(installation.settings).load_served().process.traced_share
    often = f"1 in {round(1 / share):,} is" if share else "none is, but those that are explained"
    return f"this request was not traced: candidates that were not shown are not known ({often})"


def _time(installation: Installation) -> str:
    return installation.tables[installation.system.task.decisions].event_time


def _asker(installation: Installation, row: dict[str, Any]) -> str | None:
    person = installation.tables[installation.system.task.decisions].person
    return str(row[person]) if person and row.get(person) is not None else None
