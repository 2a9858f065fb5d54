"""A table's row rules, checked before a row is taken: ingestion refuses a file in which many rows break them."""

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import CodeType
from typing import Any, NoReturn

from infra.clock import written
from infra.errors import DefinitionError
from validation.contract import Column, Rule, Table

NUMBERS = {"int32", "int64", "float32", "float64"}


class RowRules:
    """The rules of one table for one row at a time; raises DefinitionError for a rule that cannot be evaluated here."""

    def __init__(self, table: Table) -> None:
        self._rules = [(rule, compile(rule.holds, rule.name, "eval")) for rule in table.rules]
        example = {column.name: _like(column, table) for column in table.columns}
        for row in (example, dict.fromkeys(example)):
            try:
                self.broken(row)
            except (AttributeError, NameError, TypeError) as odd:
                raise DefinitionError(
                    f"table {table.name}: a rule cannot be evaluated for one row: {odd}. "
                    "Write comparisons, + - * /, | & ~ with parentheses, isnull() and notnull()."
                ) from odd

    def broken(self, row: Mapping[str, Any]) -> Rule | None:
        """The first rule that a row breaks. A rule whose outcome is null is not broken."""
        return next((rule for rule, code in self._rules if _outcome(code, row) is False), None)


def _outcome(code: CodeType, row: Mapping[str, Any]) -> Any:
    cells = {name: Cell(row[name]) for name in code.co_names if name in row}
    return eval(code, {"__builtins__": {}}, cells).value  # the text is the contract's, never a caller's


def _like(column: Column, table: Table) -> Any:
    """A value such as this column has when rules are evaluated."""
    if column.name in {table.event_time, table.received_time}:
        return written(0.0)
    kinds = {"string": "x", "bool": True, "timestamp": datetime.fromtimestamp(0, UTC)}
    return 1 if column.dtype in NUMBERS else kinds.get(column.dtype, [])


def _of(does: Callable[[Any, Any], Any], swapped: bool = False) -> Any:
    """An operator that comes out null where one side is."""

    def apply(self: "Cell", other: Any) -> "Cell":
        values = (self.value, other.value if isinstance(other, Cell) else other)
        return Cell(None if None in values else does(*(reversed(values) if swapped else values)))

    return apply


class Cell:
    """One value of one row under the operators of a rule; None is null, neither true nor false."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    __lt__, __le__, __gt__, __ge__ = map(_of, (operator.lt, operator.le, operator.gt, operator.ge))
    __add__, __sub__, __mul__, __truediv__ = map(_of, (operator.add, operator.sub, operator.mul, operator.truediv))
    __radd__, __rsub__, __rmul__, __rtruediv__ = (
        _of(does, swapped=True) for does in (operator.add, operator.sub, operator.mul, operator.truediv)
    )
    __eq__, __ne__ = _of(operator.eq), _of(operator.ne)
    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: "Cell") -> "Cell":
        either = (self.value, other.value)
        return Cell(True if True in either else None if None in either else False)

    def __and__(self, other: "Cell") -> "Cell":
        both = (self.value, other.value)
        return Cell(False if False in both else None if None in both else True)

    def __invert__(self) -> "Cell":
        return Cell(None if self.value is None else not self.value)

    def __bool__(self) -> NoReturn:
        raise TypeError("and, or, not and chains of comparisons have no meaning for columns")

    def notnull(self) -> "Cell":
        """Whether there is a value."""
        return Cell(self.value is not None)

    def isnull(self) -> "Cell":
        """Whether there is none."""
        return Cell(self.value is None)
