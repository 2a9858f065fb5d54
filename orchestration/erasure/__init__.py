"""Erasure: a person removed from every store of an installation, for good, with a line in the audit."""

from orchestration.erasure.audit import facts_of
from orchestration.erasure.meanwhile import erase_again
from orchestration.erasure.walk import ask, due, erase, under_way, would_go

__all__ = ["ask", "due", "erase", "erase_again", "facts_of", "under_way", "would_go"]
