"""Great Expectations is loaded without what we do not use of it, and nothing of that is missing to anybody."""

import subprocess
import sys

SCRIPT = """
import sys
from validation.batches import expectations
gxe = expectations._gxe()
print("loaded:", [name for name in ("pyspark", "sqlalchemy", "scipy.stats", "altair") if name in sys.modules])
import scipy.stats, sqlalchemy, pyspark
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as kl
print("there:", kl.stats.entropy([1.0]) == 0, scipy.stats.norm.cdf(0.0) == 0.5, callable(sqlalchemy.create_engine))
"""


def test_what_it_does_not_need_is_not_loaded_and_is_there_for_whoever_asks() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["loaded: []", "there: True True True"], done.stderr
