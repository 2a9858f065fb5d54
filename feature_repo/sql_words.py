"""The words of Spark SQL that are no column: where one is nearly a column's name, it is a slip of the pen."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`")
NAME = re.compile(r"(?<![\w.])[a-z_]\w*(?!\w*\s*\()", re.IGNORECASE)
ALIAS = re.compile(r"\bas\s+\w+", re.IGNORECASE)
KEYWORDS = """
all and any array as asc between bigint binary boolean both byte case cast century collate cross current_date
current_time current_timestamp current_user date day dayofweek dayofyear days decimal desc distinct div double else
end escape exists extract false filter first float following for from hour hours ignore ilike in int integer interval
is last leading like long map microsecond microseconds millisecond milliseconds minute minutes mod month months not
null nulls or order over partition preceding quarter quarters range real regexp respect rlike row rows second seconds
short smallint some string struct table then timestamp timestamp_ltz timestamp_ntz tinyint to trailing true unbounded
unknown using varchar week weeks when where with within year years
"""
NEAR = 0.75  # of a name misspelt in one letter of four, or more alike
OF_SQL = frozenset(KEYWORDS.split())


def mistaken(sql: str, columns: Iterable[str], elsewhere: Iterable[str] = ()) -> str | None:
    """The first word that is no column here, but nearly one, or one of another table; None where there is none.

    Other words are left to Spark, which knows all of its language. So is SQL with functions of its own (`x -> …`).
    """
    names, others = {name.lower() for name in columns}, {name.lower() for name in elsewhere}
    if "->" in sql:
        return None
    for word in NAME.findall(ALIAS.sub(" ", QUOTED.sub("''", sql))):
        said = word.lower()
        if (
            said not in names
            and said not in OF_SQL
            and (said in others or get_close_matches(said, names, n=1, cutoff=NEAR))
        ):
            return str(word)
    return None
