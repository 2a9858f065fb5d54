"""Delivered files: found, unpacked and read into typed rows, or refused by name."""

from validation.files.delivered import (
    NO_LIMITS,
    SHAPE,
    Delivered,
    delivered_from_arrow,
    delivered_from_jsonl,
    delivered_from_lines,
    delivered_from_parquet,
)
from validation.files.derived_columns import ABOUT_DERIVED, DERIVED
from validation.files.flaws import Fault, Flaws, printable
from validation.files.folder_scan import scan_folder
from validation.files.formats import delivered_from_file, format_of, lines_of
from validation.files.landed import (
    BUNDLE,
    CHANGED,
    DONE,
    FAILED,
    UNFINISHED,
    PassedOver,
    ScanResult,
    TableFile,
    content_of,
    opened,
    shown,
)
from validation.files.people import names_anyone, remove_people
from validation.files.person_ids import columns_with_pseudonyms, line_with_pseudonyms, with_pseudonyms

__all__ = [
    "ABOUT_DERIVED",
    "BUNDLE",
    "CHANGED",
    "DERIVED",
    "DONE",
    "FAILED",
    "NO_LIMITS",
    "SHAPE",
    "UNFINISHED",
    "Delivered",
    "Fault",
    "Flaws",
    "PassedOver",
    "ScanResult",
    "TableFile",
    "columns_with_pseudonyms",
    "content_of",
    "delivered_from_arrow",
    "delivered_from_file",
    "delivered_from_jsonl",
    "delivered_from_lines",
    "delivered_from_parquet",
    "format_of",
    "line_with_pseudonyms",
    "lines_of",
    "names_anyone",
    "opened",
    "printable",
    "remove_people",
    "scan_folder",
    "shown",
    "with_pseudonyms",
]
