"""What was served and what it was worth: a row a page, and means by hour, variant, release and region."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

LINES = ("popular", "frozen", "loop", "oracle")


@dataclass(slots=True)
class Accounts:
    """The pages of the loop. `loop` is the true worth of the page that was served, the other lines' of theirs."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, **page: Any) -> None:
        """One page."""
        self.rows.append(page)

    @property
    def frame(self) -> pd.DataFrame:
        """All pages, a row each."""
        return pd.DataFrame(self.rows)

    def means(self, *by: str, lines: Sequence[str] = LINES) -> pd.DataFrame:
        """The mean worth of a page by line, and how many pages it is of; a group without pages has no row."""
        frame = self.frame
        if frame.empty:
            return pd.DataFrame(columns=[*by, *lines, "pages"])
        present = [line for line in lines if line in frame]
        groups = frame.groupby(list(by), dropna=False)
        return groups[present].mean().join(groups.size().rename("pages")).reset_index()

    def rates(self, *by: str) -> pd.DataFrame:
        """Clicks and long views for each video shown, as everybody could count them."""
        sums = self.frame.groupby(list(by))[["shown", "clicks", "long_views", "hides"]].sum()
        for name in ("clicks", "long_views", "hides"):
            sums[f"{name}_rate"] = sums[name] / sums["shown"].clip(lower=1)
        return sums.reset_index()
