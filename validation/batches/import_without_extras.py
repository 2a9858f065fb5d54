"""Importing Great Expectations as if it were installed without its extras: 1.3 CPU seconds instead of 3.4.

It imports Spark and SQLAlchemy, extras of its package, where they are installed, and they are for other parts of this
project. SciPy's statistics and Altair are used by a few expectations that no table of ours has. While it is imported,
the first two are hidden, and the others are stand-ins that load the module at first use, so that every expectation
works.
"""

import os

from infra.stand_ins import Later, stand_ins

ABSENT = ("pyspark", "sqlalchemy")
LATER = ("altair", "scipy.stats")


def load() -> None:
    """Import the library; modules that this process has imported already are not hidden from it."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is first imported
    with stand_ins({**dict.fromkeys(ABSENT), **{name: Later(name) for name in LATER}}):
        import great_expectations  # noqa: F401
