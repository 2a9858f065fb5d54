"""Comparisons are honest: simulated chains of releases, equal releases, equal slices, windows in which nothing moves.

Each simulation has a known truth, so that what a gate or a check says of it is right or wrong. The fast tests of
the gates and of drift take the same simulations with fewer runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from infra.statistics import Interval
from monitoring import drift
from monitoring.definition import Watch
from monitoring.reference import Reference
from tests.prove.section import Proof, Section
from validation.definition import GateLimits
from validation.gates.champion import champion_gate, stands_best
from validation.gates.comparison import difference
from validation.gates.evidence import GateEvidence, SliceEvidence
from validation.gates.slices import slice_gate
from validation.verdict import markdown

LIMITS = GateLimits(baselines=("popularity",), draws=300)
Judge = Callable[[GateEvidence, GateLimits], tuple[bool, str]]
"""Whether a candidate goes live, and the version that stands as the best afterwards ('' for the candidate itself)."""


@dataclass(frozen=True, slots=True)
class JudgeRows:
    """How much the judge rows of a day tell: groups, users, and the spread of a group's NDCG between two equal models.

    A quarter of that spread's variance is the user's: all groups of one user move together.
    """

    groups: int
    spread: float
    users: int

    def ndcg(
        self, rng: np.random.Generator, qualities: Mapping[str, float]
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Each contender's NDCG on the groups of one day, paired by group, and whose group each is."""
        user = np.arange(self.groups) % self.users
        group, own = rng.beta(4, 2, self.groups), self.spread / np.sqrt(2)
        measured = {
            name: group + quality
            + own * np.sqrt(0.25) * rng.normal(size=self.users)[user]
            + own * np.sqrt(0.75) * rng.normal(size=self.groups)
            for name, quality in qualities.items()
        }  # fmt: skip
        return measured, user


DEMO = JudgeRows(groups=2_500, spread=0.05, users=1_200)


def against_live_only(evidence: GateEvidence, limits: GateLimits) -> tuple[bool, str]:
    """The rule as it was before: not worse than the live release by more than the margin."""
    lift = difference(evidence, evidence.candidate, evidence.live_contender, limits)
    return isinstance(lift, Interval) and lift.low > -limits.champion_margin, ""


def by_the_gate(evidence: GateEvidence, limits: GateLimits) -> tuple[bool, str]:
    """The champion gate as it is."""
    return champion_gate(evidence, limits).passed, stands_best(evidence, limits)


def chain(steps: int, change: float, rows: JudgeRows, seed: int, judge: Judge = by_the_gate) -> list[float]:
    """The true quality of each release that went live, the first with 0; a candidate is the live one plus `change`."""
    rng, qualities, live, best = np.random.default_rng(seed), {"0": 0.0}, "0", "0"
    for step in range(1, steps + 1):
        candidate = qualities[live] + change
        true = {"candidate": candidate, "live": qualities[live], "best": qualities[best]}
        ndcg, users = rows.ndcg(rng, true)
        promoted, stands = judge(
            GateEvidence(features=(), candidate="candidate", merits=ndcg, clusters=users, live=live, best=best), LIMITS
        )
        if promoted:
            live = str(step)
            qualities[live] = candidate
            best = stands or live
    return list(qualities.values())


def refused_among_equals(runs: int, rows: JudgeRows, seed: int, apart: bool = True) -> float:
    """The share of candidates, just as good as the live release and the best one, that the champion gate refuses."""
    rng, refused = np.random.default_rng(seed), 0
    for _ in range(runs):
        ndcg, users = rows.ndcg(rng, {"candidate": 0.0, "live": 0.0, "best": 0.0})
        evidence = GateEvidence(
            features=(), candidate="candidate", merits=ndcg, clusters=users, live="2", best="1" if apart else "2"
        )
        refused += not champion_gate(evidence, LIMITS).passed
    return refused / runs


def refused_for_equal_slices(runs: int, slices: int, rows: JudgeRows, seed: int, worse: float = 0.0) -> float:
    """The share of runs in which the slice gate refuses; all slices equal, but for one that is worse by `worse`."""
    rng, refused = np.random.default_rng(seed), 0
    for _ in range(runs):
        parts = []
        for number in range(slices):
            ndcg, _ = rows.ndcg(rng, {"candidate": -worse * (number == 0), "baseline": 0.0})
            parts.append(SliceEvidence(f"slice {number}", ndcg["candidate"], ndcg["baseline"]))
        evidence = GateEvidence(features=(), candidate="candidate", slices=parts, clusters=_)
        refused += not slice_gate(evidence, LIMITS).passed
    return refused / runs


@dataclass(frozen=True, slots=True)
class Traffic:
    """The rows of a window: how many, of how many users, how unequally active these are (0: all alike)."""

    rows: int
    users: int
    unequal: float = 1.0

    def window(self, rng: np.random.Generator, moved: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Rows of users who keep their own habits, (rows, features), and whose each row is.

        Half of the features hardly change for a user, as a rate of thirty days; one is a user's for good (the device);
        the others vary from row to row. `moved` is added to the first.
        """
        activity = rng.lognormal(0.0, self.unequal, self.users)
        user = rng.choice(self.users, self.rows, p=activity / activity.sum())
        habits, noise = rng.normal(size=(self.users, len(NAMES))), rng.normal(size=(self.rows, len(NAMES)))
        alike = np.array([0.95, 0.95, 0.9, 0.8, 0.5, 0.2, 0.0, 0.0, 1.0])
        matrix = np.sqrt(alike) * habits[user] + np.sqrt(1 - alike) * noise
        matrix[:, -1] = np.digitize(matrix[:, -1], (-0.5, 1.0))
        matrix[:, 0] += moved
        return matrix.astype(np.float32), user


NAMES = tuple(f"feature_{number}" for number in range(9))
WATCH = Watch(critical=NAMES)


def scores_of(matrix: np.ndarray) -> np.ndarray:
    """Scores that follow what users are like."""
    return 1 / (1 + np.exp(-matrix[:, :4].sum(axis=1) / 2))


def findings(
    runs: int, before: Traffic, now: Traffic, seed: int, moved: float = 0.0, by_rows: bool = False
) -> dict[str, float]:
    """The share of windows with each finding; `by_rows`: the rule as it was, each row counted as independent."""
    rng, counted = (
        np.random.default_rng(seed),
        dict.fromkeys(("drift", "steady", "not enough rows", "not enough users"), 0),
    )
    for _ in range(runs):
        (was, users_before), (matrix, users) = before.window(rng), now.window(rng, moved)
        reference = Reference.of(was, NAMES, scores_of(was), users=None if by_rows else users_before)
        watch = replace(WATCH, max_false_alarms=0.9999) if by_rows else WATCH
        report = drift.measure(reference, matrix, NAMES, scores_of(matrix), watch, None if by_rows else users)
        counted[report.finding] += 1
    return {finding: count / runs for finding, count in counted.items()}


def measure(folder: Path) -> Proof:
    """All tables of the section."""
    parts = [_chains(), _equals(), _slices(), _drift()]
    return Proof("\n\n".join(part.text for part in parts), all(part.passed for part in parts))


def _chains() -> Proof:
    """A chain of candidates each truly a little worse: what is lost in the end, by the former rule and by this one."""
    lines, passed = [], True
    for rows, steps, change in (
        (JudgeRows(10_000, 0.08, 4_000), 30, -0.002),
        (JudgeRows(2_500, 0.05, 1_200), 30, -0.002),
        (JudgeRows(2_500, 0.05, 1_200), 150, -0.001),
        (JudgeRows(600, 0.05, 400), 30, -0.002),
        (JudgeRows(2_500, 0.05, 1_200), 30, 0.002),
    ):
        former = [chain(steps, change, rows, seed, against_live_only) for seed in range(4)]
        present = [chain(steps, change, rows, seed) for seed in range(10)]
        lost = -min(true[-1] for true in present)
        most = LIMITS.champion_margin - change if rows.groups > 1_000 else LIMITS.max_undecided  # the margin and a step
        passed &= change > 0 or lost <= most
        lines.append(
            [f"{rows.groups:,}", steps, f"{change:+.3f}",
             *(f"{np.mean([len(true) - 1 for true in runs]):.1f}, {np.mean([true[-1] for true in runs]):+.4f}, "
               f"{min(true[-1] for true in runs):+.4f}" for runs in (former, present))]
        )  # fmt: skip
    head = ("groups", "candidates", "each against the live one", "live release alone", "and the best that was live")
    text = (
        "**Small losses do not add up.** Each candidate is truly better or worse than the live release by the same "
        "small amount. In each cell: how many were promoted, the true NDCG in the end against the beginning (mean of "
        "the runs), and the worst run.\n\n"
    )
    return Proof(text + markdown(head, lines), passed)


def _equals() -> Proof:
    """Equal releases: how often the champion gate refuses one."""
    lines, passed = [], True
    for rows in (JudgeRows(10_000, 0.08, 4_000), JudgeRows(2_500, 0.05, 1_200), JudgeRows(1_000, 0.05, 600),
                 JudgeRows(400, 0.05, 300)):  # fmt: skip
        alone, beside = (refused_among_equals(300, rows, 7, apart) for apart in (False, True))
        passed &= max(alone, beside) <= 0.10
        lines.append([f"{rows.groups:,}", rows.spread, f"{alone:.1%}", f"{beside:.1%}"])
    head = ("groups", "spread of a group's difference", "live is the best", "live and another one are as good")
    return Proof(
        "**Equal releases are refused in at most 10 % of the runs**, however few the groups.\n\n"
        + markdown(head, lines),
        passed,
    )


def _slices() -> Proof:
    """Equal slices, and one that is worse."""
    rows, lines, passed = JudgeRows(200, 0.15, 150), [], True
    for slices in (1, 4, 16, 40):
        equal, worse = (refused_for_equal_slices(100, slices, rows, 3, by) for by in (0.0, 0.08))
        passed &= equal <= 0.10
        lines.append([slices, f"{equal:.0%}", f"{worse:.0%}"])
    head = ("slices of 200 groups", "refused, all equal", "refused, one worse by 0.08")
    return Proof("**A slice is not refused because many were looked at.**\n\n" + markdown(head, lines), passed)


def _drift() -> Proof:
    """Windows in which nothing moves, and windows in which one feature does."""
    lines, passed = [], True
    for users, rows in ((29, 1_000), (60, 1_000), (60, 5_000), (150, 1_500), (500, 5_000), (3_000, 20_000)):
        before, now = Traffic(rows * 2, users), Traffic(rows, users)
        former, present = (findings(300, before, now, 11, by_rows=by_rows) for by_rows in (True, False))
        seen = findings(50, before, now, 12, moved=1.5)
        passed &= present["drift"] <= 0.01
        few = present["not enough users"]
        lines.append(
            [f"{users:,}", f"{rows:,}", f"{former['drift']:.1%}", f"{present['drift']:.1%}",
             "not enough users" if few == 1 else f"{seen['drift']:.0%}"]
        )  # fmt: skip
    head = ("users", "rows", "false alarms, rows counted", "false alarms, users counted", "a shift of 1.5 σ is seen")
    return Proof(
        "**Drift counts users.** Windows in which nothing moved; at most 1 % of them may be called a drift.\n\n"
        + markdown(head, lines),
        passed,
    )


COMPARISONS = Section("comparisons", "Comparisons are honest", measure)
