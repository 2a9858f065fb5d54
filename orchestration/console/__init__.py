"""The console: pages on which people see what is live and why, and the buttons that move releases."""

from orchestration.console.app import Console
from orchestration.console.running import console_app, serve, server

__all__ = ["Console", "console_app", "serve", "server"]
