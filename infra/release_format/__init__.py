"""The files of a release, and the file that names the live one: training writes them, the service reads them.

The formats of the other files are defined elsewhere: the manifest in infra/manifest.py, the recipe in
feature_repo/recipe.py, the embeddings in feature_repo/embedding_space.py, the policy in serving.
"""

from infra.release_format.file_names import (
    GOLDEN,
    LIVE,
    MANIFEST,
    MODEL,
    OPERATING_POINT,
    POLICY,
    POPULAR,
    RECIPE,
    SIGNATURE,
    TREES,
)
from infra.release_format.golden_rows import read_golden_rows, write_golden_rows
from infra.release_format.live_pointer import (
    Challenger,
    LivePointer,
    NamedRelease,
    challenger_in,
    champion_in,
    previous_in,
    read_champion,
    read_live_pointer,
)
from infra.release_format.models import BASE, ColumnModel, LinearModel, RidgeModel, read_model, write_model
from infra.release_format.operating_point import OperatingPoint, read_operating_point, write_operating_point
from infra.release_format.popular_lists import Popular, read_popular, write_popular
from infra.release_format.signatures import checked_pointer, must_be_signed, signature_of, signed_pointer

__all__ = [
    "BASE",
    "GOLDEN",
    "LIVE",
    "MANIFEST",
    "MODEL",
    "OPERATING_POINT",
    "POLICY",
    "POPULAR",
    "RECIPE",
    "SIGNATURE",
    "TREES",
    "Challenger",
    "ColumnModel",
    "LinearModel",
    "LivePointer",
    "NamedRelease",
    "OperatingPoint",
    "Popular",
    "RidgeModel",
    "challenger_in",
    "champion_in",
    "checked_pointer",
    "must_be_signed",
    "previous_in",
    "read_champion",
    "read_golden_rows",
    "read_live_pointer",
    "read_model",
    "read_operating_point",
    "read_popular",
    "signature_of",
    "signed_pointer",
    "write_golden_rows",
    "write_model",
    "write_operating_point",
    "write_popular",
]
