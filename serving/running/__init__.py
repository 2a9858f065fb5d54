"""A worker as a process: its parent, its background tasks, its part of the metrics."""
