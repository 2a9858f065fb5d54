"""How fast the machine is just now: on one that is shared, the same work costs half as much again from hour to hour."""

import time

import numpy as np

TURNS = 20_000
REST_S = 0.004  # as long as a worker rests between two requests at half load


def taken(times: int) -> dict[str, float]:
    """CPU milliseconds of TURNS turns of an empty loop: the fastest of so many, and the median after a rest."""
    tried, rested = [], []
    for _ in range(times):
        tried.append(_loop_ms())
        time.sleep(REST_S)
        rested.append(_loop_ms())
    return {"fastest_ms": round(min(*tried, *rested), 3), "rested_ms": round(float(np.median(rested)), 3)}


def _loop_ms() -> float:
    began = time.thread_time_ns()
    for _ in range(TURNS):
        pass
    return (time.thread_time_ns() - began) / 1e6
