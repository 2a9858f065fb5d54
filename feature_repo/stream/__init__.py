"""The stream: events counted within minutes, by the same fold."""
