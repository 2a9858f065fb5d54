"""`operating_point.json`: from which score a case is acted on, as chosen on the tuning rows of its training."""

from pathlib import Path

import msgspec

from infra.release_format.file_names import OPERATING_POINT


class OperatingPoint(msgspec.Struct, frozen=True):
    """A case is acted on whose score is `act_from` or more; None: no score is worth acting on."""

    act_from: float | None


def write_operating_point(folder: Path, point: OperatingPoint) -> None:
    """Put the operating point into a release."""
    (folder / OPERATING_POINT).write_bytes(msgspec.json.encode(point))


def read_operating_point(folder: Path) -> OperatingPoint:
    """The operating point of a release."""
    return msgspec.json.decode((folder / OPERATING_POINT).read_bytes(), type=OperatingPoint)
