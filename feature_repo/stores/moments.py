"""The answers of a retrieval with the moment of each row that was joined."""

from typing import TYPE_CHECKING, Any

from feature_repo.stores.asof_offline_store import AsofJob

if TYPE_CHECKING:
    import pandas as pd


def with_moments(job: Any) -> "pd.DataFrame":
    """The answers of a retrieval job, and of each view `view__known_at`: since when the row that was joined was known.

    Another offline store does not tell that: its answers lack the columns, and the leakage gate stays closed.
    """
    answers: pd.DataFrame = job.with_moments().to_pandas() if isinstance(job, AsofJob) else job.to_df()
    return answers
