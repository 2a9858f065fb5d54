"""A release in memory: found, proven in a child, loaded, and scoring."""
