"""What Spark cannot make of a definition's SQL, as the error of that definition."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from infra.errors import DefinitionError

KIND, PLACE = re.compile(r"^\[[A-Z_.]+\] *"), re.compile(r" SQLSTATE: .*", re.DOTALL)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Raise DefinitionError, with Spark's own sentence, where the SQL in this block reads what is not there."""
    from pyspark.errors import AnalysisException

    try:
        yield
    except AnalysisException as error:  # also of SQL that is none
        sentence = PLACE.sub("", KIND.sub("", str(error).strip())).strip()
        raise DefinitionError(f"{what}: {sentence}") from error
