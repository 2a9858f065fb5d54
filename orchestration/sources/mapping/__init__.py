"""Other people's files as deliveries: a mapping says which of their columns is which of ours, and what is absent."""

from orchestration.sources.mapping.definition import Mapping, read
from orchestration.sources.mapping.draft import draft
from orchestration.sources.mapping.writing import MappingResult, write

__all__ = ["Mapping", "MappingResult", "draft", "read", "write"]
