"""Names of tables and columns: made of what files call them, none twice, none that means something else already."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

RESERVED = frozenset(
    """
    event_timestamp published_at created known_at gain fits judged weight group row_number label_version label_known_at
    early settled decided_at decided known
    case when then else end select from where not null true false and or in is between like on using join left right
    full inner cross union except intersect minus natural exists cast interval order by limit
    """.split()  # noqa: SIM905 (a list would be fifty lines)
)
"""Names that rows of labels and states, or our signals, have already; and words of SQL."""


def identifier(text: str, otherwise: str = "column") -> str:
    """A name as tables and columns have: small letters, digits and underscores; `größe` becomes `grosse`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    plain = "".join(c for c in unicodedata.normalize("NFKD", spaced.casefold()) if not unicodedata.combining(c))
    name = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]+", "_", plain)).strip("_")
    name = name if name[:1].isalpha() else f"{otherwise}_{name}".strip("_")
    return f"{name}_given" if name in RESERVED else name


def distinct(names: Sequence[str]) -> list[str]:
    """The names in order, with a number behind those that came before."""
    taken: list[str] = []
    for name in names:
        taken.append(next(n for n in (name, *(f"{name}_{i}" for i in range(2, len(names) + 2))) if n not in taken))
    return taken


def free(name: str, taken: Iterable[str]) -> str:
    """The name, or a longer one where it is taken."""
    others = set(taken)
    longer = (f"{name}_made_{i}" for i in range(2, len(others) + 3))
    return next(each for each in (name, f"{name}_made", *longer) if each not in others)
