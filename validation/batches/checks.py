"""The results of expectations: for each rule how many rows break it, and for each refused row why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from validation.verdict import markdown

FOLLOWS = {"row": "row quarantined", "batch": "batch refused", "warning": "warning"}


class Check(msgspec.Struct, frozen=True):
    """The result of one expectation: `asked` is the rule in words, `measured` the value it was compared with.

    A broken `row` rule quarantines rows, a broken `batch` rule refuses the batch, a `warning` is only printed.
    """

    rule: str
    level: Literal["row", "batch", "warning"]
    asked: str
    passed: bool
    broken: int = 0
    measured: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a suite on some rows: every check, and for each broken row its (rule, reason) pairs."""

    rows: int
    checks: tuple[Check, ...] = ()
    broken: Mapping[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    def table_md(self) -> str:
        """The failed checks as a Markdown table; a sentence when none failed."""
        return table_md(self.checks, self.rows)


def table_md(checks: tuple[Check, ...], rows: int) -> str:
    """The failed ones of these checks as a Markdown table; a sentence when none failed."""
    failed = [check for check in checks if not check.passed]
    if not failed:
        return f"All {len(checks)} expectations hold for {rows:,} rows."
    shares = [f"{check.broken:,} ({check.broken / max(rows, 1):.2%})" if check.broken else "" for check in failed]
    lines = [(c.rule, FOLLOWS[c.level], c.asked, c.measured, share) for c, share in zip(failed, shares, strict=True)]
    return markdown(("rule", "what follows", "asked", "seen", "rows"), lines)
