"""Python code as text: calls, tuples and dictionaries that are broken into lines where they are too long."""

from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 120


@dataclass(frozen=True, slots=True)
class Group:
    """Code in brackets: what stands before and with the opening one, its parts, and the closing one."""

    head: str
    parts: tuple["str | Group", ...]
    end: str = ")"

    def line(self) -> str:
        """All on one line."""
        is_tuple = self.head == "(" or self.head.endswith(("=(", " ("))
        comma = "," if is_tuple and len(self.parts) == 1 else ""
        return f"{self.head}{', '.join(map(_line, self.parts))}{comma}{self.end}"

    def after(self, text: str) -> "Group":
        """The same behind a text such as a name and a sign."""
        return Group(text + self.head, self.parts, self.end)


Code = str | Group


def call(head: str, *parts: Code) -> Group:
    """A call of `head`, without the parts that are empty."""
    return Group(f"{head}(", tuple(part for part in parts if part))


def tuple_of(parts: Iterable[Code]) -> Code:
    """A tuple of code."""
    parts = tuple(parts)
    return Group("(", parts) if parts else "()"


def names(values: Iterable[str]) -> Code:
    """A tuple of texts."""
    return tuple_of(map(text, values))


def mapping(pairs: Iterable[tuple[str, Code]]) -> Code:
    """A dictionary from texts to code."""
    parts = tuple(after(f"{text(key)}: ", value) for key, value in pairs)
    return Group("{", parts, "}") if parts else "{}"


def after(prefix: str, code: Code) -> Code:
    """The code behind a text such as `name=`."""
    return prefix + code if isinstance(code, str) else code.after(prefix)


def rendered(code: Code, indent: int = 0, behind: int = 0) -> str:
    """The code as text whose further lines are indented so far; `behind` signs follow on its last line."""
    line = _line(code)
    if isinstance(code, str) or indent + len(line) + behind <= WIDTH:
        return line
    inner = "".join(f"{' ' * (indent + 4)}{rendered(part, indent + 4, 1)},\n" for part in code.parts)
    return f"{code.head}\n{inner}{' ' * indent}{code.end}"


def text(value: str) -> str:
    """A text as Python writes it, in double quotes."""
    shown = value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\n", " ")
    return '"' + "".join(sign if sign.isprintable() else " " for sign in shown) + '"'


def number(value: float) -> str:
    """A number as Python writes it."""
    rounded = float(f"{value:.6g}")
    return f"{rounded:.1f}" if rounded == int(rounded) and abs(rounded) < 1e15 else f"{rounded!r}"


def _line(code: Code) -> str:
    return code if isinstance(code, str) else code.line()
