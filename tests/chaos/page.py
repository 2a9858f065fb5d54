"""The page of `make chaos`: a row for each fault, and the promises that were broken."""

from collections.abc import Sequence

from tests.chaos.trial import Course, Seen

VALID, P95_MS, RECOVERY_S = 0.9995, 180.0, 60.0

HEAD = """# What happens when things break

Written by `make chaos`: the real service with {workers} workers receives {rate:.0f} requests a second at random times,
whether it has answered or not: {before:.0f} s before each fault, {during:.0f} s during it and {after:.0f} s after it.
Latency counts from the moment at which a request was due, and is given for three phases: before, during and
after the fault. The service shares the machine with the load generator, the faults and whatever else runs there. Two
columns show what that cost: how late the generator sent its requests, and for which share of the fault a worker was
ready to run and had no processor (starved). A request whose connection breaks is sent once more on a new connection, as
a load balancer does.

Promised for each fault: no 5xx, at least {valid:.2%} valid feeds, p95 within {p95:.0f} ms, no item that may not be
shown, and full service again within {recovery:.0f} s.

| fault | sent | 5xx or none | valid | ineligible | p95 by phase, ms | late, ms | starved | answered by | well after |
|---|---|---|---|---|---|---|---|---|---|
"""


def broken(seen: Seen) -> list[str]:
    """The promises that were broken."""
    late = f"the generator's own {_times(seen.late_ms)} ms, a worker without a processor {seen.starved:.0%} of the time"
    promises = {
        f"{seen.errors} errors": seen.errors == 0,
        f"valid feeds {seen.valid_share:.3%}": seen.valid_share >= VALID,
        f"{seen.ineligible} ineligible": seen.ineligible == 0,
        f"p95 {_times(seen.p95_ms)} ms ({late})": max(seen.p95_ms) <= P95_MS,
        f"well again after {seen.recovery_s:.0f} s": seen.recovery_s <= RECOVERY_S,
        f"not measured: {seen.unmeasured}": seen.unmeasured is None,
    }
    return [promise for promise, holds in promises.items() if not holds]


def page(all_seen: Sequence[Seen], course: Course, workers: int) -> str:
    """The page in Markdown."""
    head = HEAD.format(
        workers=workers, rate=course.rate, before=course.before_s, during=course.during_s, after=course.after_s,
        valid=VALID, p95=P95_MS, recovery=RECOVERY_S,
    )  # fmt: skip
    return head + "".join(map(_row, all_seen))


def _row(seen: Seen) -> str:
    rungs = ", ".join(f"{name} {share:.0%}" for name, share in sorted(seen.rungs.items(), key=lambda pair: -pair[1]))
    return (
        f"| {seen.fault} | {seen.requests} | {seen.errors} | {seen.valid_share:.2%} | {seen.ineligible} | "
        f"{_times(seen.p95_ms)} | {_times(seen.late_ms)} | {seen.starved:.0%} | {rungs} | {seen.recovery_s:.0f} s |\n"
    )


def _times(by_phase: Sequence[float]) -> str:
    return ", ".join(f"{ms:.0f}" for ms in by_phase)
