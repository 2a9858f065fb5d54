"""One fault under load: what callers saw before, while and after it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tests.bench.open_loop import LateGeneratorError, Load, Outcome, poisson
from tests.chaos.faults import Fault
from tests.chaos.stage import Stage

Judging = Callable[[frozenset[str], int, bytes], tuple[bool, str]]
WELL = "full"
WINDOW_S = 1.0
WELL_SHARE = 0.95  # of the answers of a window: one in two hundred comes from the lowest rung at any time


@dataclass(frozen=True, slots=True)
class Course:
    """How long requests come: before the fault, while it lasts, and after it; how many a second."""

    before_s: float = 2.0
    during_s: float = 7.0
    after_s: float = 10.0
    rate: float = 100.0
    seed: int = 7

    @property
    def seconds(self) -> float:
        """From the first request to the last."""
        return self.before_s + self.during_s + self.after_s


@dataclass(frozen=True, slots=True)
class Seen:
    """What callers saw of one fault.

    errors      answers with a status of 500 or more, and requests that got none
    invalid     answers that are no feed: refused, empty, repeating an item
    ineligible  answers that showed what may not be shown
    p95_ms      of all requests from their intended start, by phase: before, during, after
    late_ms     of that the generator's own: 95 % of the requests it sent at most so late, by phase
    starved     while it lasted, the share of the time in which the worst served worker had to wait for a processor
    unmeasured  what it says when it could not keep to its schedule: then the times are not the service's alone
    rungs       share of each rung among the answers while it lasted
    recovery_s  from the end of the fault to the first second from which all is well again; NaN if that never came
    """

    fault: str
    requests: int
    errors: int
    invalid: int
    ineligible: int
    p95_ms: tuple[float, float, float]
    rungs: dict[str, float]
    recovery_s: float
    late_ms: tuple[float, float, float] = (0.0, 0.0, 0.0)
    starved: float = 0.0
    unmeasured: str | None = None

    @property
    def valid_share(self) -> float:
        """Share of the requests that got a valid feed."""
        return 1.0 - (self.errors + self.invalid + self.ineligible) / self.requests


def judged(ineligible: frozenset[str], status: int, body: bytes) -> tuple[bool, str]:
    """Whether an answer is a valid feed, and the rung it came from, or what is wrong with it."""
    if status == 0 or status >= 500:
        return False, "error"
    if status != 200:
        return False, "invalid"
    answer = json.loads(body)
    shown = [item["video_id"] for item in answer["items"]]
    if not shown or len(set(shown)) < len(shown):
        return False, "invalid"
    if not ineligible.isdisjoint(shown):
        return False, "ineligible"
    return True, str(answer["served_by"])


def tried(stage: Stage, fault: Fault, course: Course, judge: Judging = judged) -> Seen:
    """Let requests come, do the fault, undo it, and look at every answer."""
    fault.before(stage)
    at = poisson(course.rate, course.seconds, course.seed)
    load = Load(stage.plan(at, course.seed), partial(judge, stage.ineligible))
    try:
        _until(load.began + course.before_s)
        began, waited = time.monotonic() - load.began, stage.waited_s()
        fault.begin(stage)
        _until(load.began + course.before_s + course.during_s)
        during, since = time.monotonic() - load.began - began, stage.waited_s()
        starved = max(((since[pid] - waited[pid]) / during for pid in waited.keys() & since), default=0.0)
        fault.end(stage)
        ended = time.monotonic() - load.began
        outcome, unmeasured = load.finish(), None
    except LateGeneratorError as late:
        outcome, unmeasured = late.outcome, str(late)
    finally:
        load.stop()
    return replace(seen(fault.name, outcome, began, ended), starved=starved, unmeasured=unmeasured)


def seen(name: str, outcome: Outcome, began: float, ended: float) -> Seen:
    """What became of the requests before a fault, from when it `began` to when it had `ended`, and after it."""
    at = outcome.plan.at
    words = np.array(outcome.labels)[outcome.label]
    unanswered = outcome.status == 0  # given up, or broken twice
    phases = [at < began, (at >= began) & (at < ended), at >= ended]
    during = words[phases[1]]
    return Seen(
        fault=name,
        requests=len(at),
        errors=int(((words == "error") | unanswered).sum()),
        invalid=int((words == "invalid").sum()),
        ineligible=int((words == "ineligible").sum()),
        p95_ms=tuple(outcome.percentiles(phase)["p95"] for phase in phases),  # type: ignore[arg-type]
        rungs={str(word): float((during == word).mean()) for word in np.unique(during)},
        recovery_s=recovered(at, words == WELL, ended),
        late_ms=tuple(float(np.percentile(outcome.late[phase], 95)) * 1000 for phase in phases),  # type: ignore[arg-type]
    )


def recovered(at: NDArray[np.float64], well: NDArray[np.bool_], ended: float) -> float:
    """Seconds from the end of the fault to the first window from which every window is well."""
    # What is left at the end belongs to the last window: of the few answers of a part of one, the constant share of the
    # lowest rung alone would look like a service that is not well.
    edges = ended + WINDOW_S * np.arange(max(1, int((at[-1] - ended) / WINDOW_S)))
    good = [well[(at >= edge) & (at < end)] for edge, end in zip(edges, [*edges[1:], np.inf], strict=True)]
    recovered = float("nan")
    for edge, answers in zip(reversed(edges), reversed(good), strict=True):
        if len(answers) and answers.mean() < WELL_SHARE:
            break
        recovered = float(edge - ended)
    return recovered


def _until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
