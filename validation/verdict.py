"""The finding of one gate and the verdict of all; as JSON the verdict is stored with the release it is about."""

from collections.abc import Mapping, Sequence

import msgspec

GATES = (
    *("data", "leakage", "nulls", "repeats", "encoding", "lift", "plausible", "served"),
    *("baseline", "champion", "slice", "calibration", "signature"),
)
GATES_OF: Mapping[str, tuple[str, ...]] = {
    "rank": GATES,
    "retrieve": GATES,
    **dict.fromkeys(("classify", "regress", "quantile", "choose"), (*GATES, "caps")),
}
"""The gates that a release has to pass, by the kind of its objective; none of them can be left out."""


def gates_of(kind: str) -> tuple[str, ...]:
    """The gates of a kind of objective; of an unknown one also `objective`, which nothing answers: it stays closed."""
    return GATES_OF.get(kind, (*GATES, "caps", "objective"))


class GateFinding(msgspec.Struct, frozen=True):
    """What one gate measured, its limit, and in words why it passed or what to do next.

    `undecided`: it passed because what was measured can show neither that it is good enough nor that it is not.
    """

    gate: str
    passed: bool
    measured: float | None
    limit: float | None
    reason: str
    undecided: bool = False

    def row(self) -> tuple[str, str, str, str, str]:
        """The finding as the cells of one line: gate, outcome, measured, limit, reason."""
        return (
            self.gate,
            ("undecided" if self.undecided else "passed") if self.passed else "REFUSED",
            _figure(self.measured),
            _figure(self.limit),
            self.reason,
        )


class Verdict(msgspec.Struct, frozen=True):
    """All findings on one release. It passes when every gate that its objective asks has passed, and any other too.

    `subject` is the digest of the judged files, so that the verdict on one release cannot promote another. `best` is
    the version that is the best that was live once this release is, empty where it is this release itself.
    """

    findings: tuple[GateFinding, ...]
    subject: str = ""
    best: str = ""
    objective: str = "rank"

    @property
    def missing(self) -> tuple[str, ...]:
        """The gates without a finding: they count as refusing."""
        return tuple(g for g in gates_of(self.objective) if g not in {f.gate for f in self.findings})

    @property
    def passed(self) -> bool:
        """Whether the release may be promoted."""
        return not self.missing and all(f.passed for f in self.findings)

    def reasons(self) -> list[str]:
        """Why it is refused, one sentence a gate; empty when it passes."""
        refused = [f"{f.gate} gate: {f.reason}" for f in self.findings if not f.passed]
        return refused + [f"{g} gate: it has no finding, which counts as a refusal" for g in self.missing]

    def table(self) -> list[tuple[str, str, str, str, str]]:
        """The findings as lines of cells, for a terminal: gate, outcome, measured, limit, reason."""
        return [f.row() for f in self.findings]

    def table_md(self) -> str:
        """The findings as a Markdown table."""
        return markdown(("gate", "outcome", "measured", "limit", "reason"), self.table())

    def to_json(self) -> str:
        """The verdict as JSON text."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Verdict":
        """A verdict read back from JSON; raises msgspec.ValidationError when a field is absent or of another type."""
        return msgspec.json.decode(text, type=cls)


def closed(gate: str, reason: str) -> GateFinding:
    """The finding of a gate that lacks its evidence: refused."""
    return GateFinding(gate, False, None, None, reason)


def markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table of these cells; a bar inside a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
