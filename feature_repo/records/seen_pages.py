"""Where serving notes what it showed to whom: named here, below serving, so that deleting a user includes it."""


def seen_prefix(project: str, key: str) -> str:
    """The beginning of the Redis keys of the pages; the entity that saw them, of this join key, comes after it."""
    return f"fw:{project}!seen:{key}:"
