"""Other people's files as deliveries: a mapping says which of their columns is which of ours, and what is absent."""

from orchestration.sources.mapping.definition import Field, MappedSource, Mapping, Time, read
from orchestration.sources.mapping.draft import draft
from orchestration.sources.mapping.fields import moment
from orchestration.sources.mapping.reading import header, kind_of, parts
from orchestration.sources.mapping.sniffing import ROLES, SniffedFile, moments, sniff_file
from orchestration.sources.mapping.writing import MappingResult, write

__all__ = [
    "ROLES",
    "Field",
    "MappedSource",
    "Mapping",
    "MappingResult",
    "SniffedFile",
    "Time",
    "draft",
    "header",
    "kind_of",
    "moment",
    "moments",
    "parts",
    "read",
    "sniff_file",
    "write",
]
