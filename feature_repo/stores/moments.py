"""The answers of a retrieval with the moment of each row that was joined."""

from typing import Any

import pyarrow as pa

from feature_repo.stores.asof_offline_store import AsofJob


def with_moments(job: Any) -> pa.Table:
    """The answers of a retrieval job, and of each view `view__known_at`: since when the row that was joined was known.

    Another offline store does not tell that: its answers lack the columns, and the leakage gate stays closed.
    """
    answers: pa.Table = job.with_moments() if isinstance(job, AsofJob) else job.to_arrow()
    return answers
