"""States of all items, shared by the workers of a machine and kept fresh from Redis."""
