"""Late files: what lands for a day that was closed long ago arrives today."""

from collections.abc import Collection, Iterable
from datetime import date

from orchestration.partitions import by_day
from orchestration.sources.bundles import handed_over
from validation.definition import RECEIPT_TOLERANCE
from validation.files import TableFile


def work_of(
    files: Iterable[TableFile], today: date, closed: Collection[date], run: tuple[date, date] | None = None
) -> dict[date, list[TableFile]]:
    """Files by the day whose work they are, in a run of the days from the first to the last of `run`.

    A late file, of a day that was closed longer ago than a receipt may lie before arrival, arrives today. Only a run
    that names its day takes it as if it had come in time; and what our own service received, it did receive then.
    """
    files_by_day: dict[date, list[TableFile]] = {}
    for day, of_day in by_day(files, today).items():
        named = run is not None and run[0] <= day <= run[1]
        late = day in closed and day < today - RECEIPT_TOLERANCE and not named
        for file in of_day:
            files_by_day.setdefault(today if late and not handed_over(file.path) else day, []).append(file)
    return files_by_day
