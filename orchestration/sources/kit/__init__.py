"""What every simulated source is built from: seeded chance, ids, moments, and rows as landing files."""

from orchestration.sources.kit.chance import generator, normal, uniform
from orchestration.sources.kit.delivery import DeliveredRows, deliver, deliver_history
from orchestration.sources.kit.files import write_lines, write_parquet
from orchestration.sources.kit.ids import EntityIds, Ids, names, numbered
from orchestration.sources.kit.rows import DAY, moments, rows_of

__all__ = [
    "DAY",
    "DeliveredRows",
    "EntityIds",
    "Ids",
    "deliver",
    "deliver_history",
    "generator",
    "moments",
    "names",
    "normal",
    "numbered",
    "rows_of",
    "uniform",
    "write_lines",
    "write_parquet",
]
