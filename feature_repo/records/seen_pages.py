"""Where serving remembers what it showed to whom: named here, below serving, so that deleting somebody finds it."""


def seen_prefix(project: str, key: str) -> str:
    """What the Redis keys of the pages begin with: after it comes who saw them, an entity of this join key."""
    return f"fw:{project}!seen:{key}:"
