"""Keys that a description gives: where none was online yet, serving reads nothing under them."""

import pandas as pd

from feature_repo.definition import FeatureSet, known_at_column
from infra.arrays import Bools


def without_undescribed(joined: pd.DataFrame, features: FeatureSet, waited: Bools) -> pd.DataFrame:
    """The joined rows without fields under keys that serving did not know: those of an entity not yet described.

    waited  (rows,) whether a row was joined with older states than there were: only then can a description, known to
            the labels, be lacking online
    """
    own = {key for view in features.profile_views for key in view.keys}
    for profile in features.profile_views:
        known = known_at_column(profile.name)
        given = {field for field in profile.fields if field in features.entities} - own
        if known not in joined or not given:
            continue
        lacking = waited & joined[known].isna().to_numpy()
        under = {view.name for view in features.counter_views if given & set(view.keys)}
        columns = [str(name) for name in joined if str(name).partition("__")[0] in under] if lacking.any() else []
        masked = {name: joined[name].mask(lacking) for name in columns}
        joined = joined.assign(**masked)
    return joined
