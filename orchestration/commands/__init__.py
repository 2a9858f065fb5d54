"""The command line: what people type, and what it says back."""

from orchestration.commands.cli import main

__all__ = ["main"]
