"""`golden.npz`: inputs, and the scores that the model gave them where it was trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.release_format.file_names import GOLDEN

if TYPE_CHECKING:  # commands that only read a manifest import this, and numpy would double their CPU time
    from numpy.typing import NDArray


def write_golden_rows(folder: Path, inputs: "NDArray[Any]", scores: "NDArray[Any]") -> None:
    """Put inputs (rows, features) and their scores (rows,) into a release."""
    import numpy as np

    np.savez(folder / GOLDEN, inputs=inputs, scores=scores)


def read_golden_rows(folder: Path) -> "tuple[NDArray[Any], NDArray[Any]]":
    """The inputs and their scores."""
    import numpy as np

    with np.load(folder / GOLDEN, allow_pickle=False) as golden:
        return golden["inputs"], golden["scores"]
