"""Conditions of a mapping: `rating >= 4`, `clicked == 1 and kind != "ad"`. A quoted word is text, a number a number."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.errors import DefinitionError
from validation.contract import unknown

if TYPE_CHECKING:
    import pandas as pd

PART = re.compile(r"^\s*(?P<column>.+?)\s*(?P<sign>>=|<=|!=|==|=|>|<)\s*(?P<value>.+?)\s*$")
SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge, "<=": operator.le, "!=": operator.ne, "==": operator.eq, "=": operator.eq,
    ">": operator.gt, "<": operator.lt,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a column with a word or a number."""

    column: str
    sign: str
    value: float | str

    def holds(self, frame: "pd.DataFrame") -> "pd.Series[bool]":
        """Whether each row meets it; a row without a readable value does not."""
        import pandas as pd

        own: pd.Series[Any] = frame[self.column]
        if isinstance(self.value, float):
            own = pd.to_numeric(own, errors="coerce")
        meets: pd.Series[bool] = (SIGNS[self.sign](own, self.value) & own.notna()).astype(bool)
        return meets


def parsed(location: str, text: str, columns: Sequence[str] | None = None) -> tuple[Condition, ...]:
    """The comparisons joined by `and`; raises DefinitionError for a text that is no comparison or names no column."""
    conditions = []
    for part in re.split(r"\s+and\s+", text):
        match = PART.match(part)
        if match is None:
            raise DefinitionError(
                f"{location}: `{part}` is no condition. Write one such as `rating >= 4`, and join several by `and`."
            )
        if columns is not None and match["column"] not in columns:
            raise DefinitionError(f"{location}: column {unknown(match['column'], columns)}")
        conditions.append(Condition(match["column"], match["sign"], _value(match["value"])))
    return tuple(conditions)


def _value(text: str) -> float | str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    try:
        return float(text)
    except ValueError:
        return text
