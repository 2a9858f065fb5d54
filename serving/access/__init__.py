"""Access: roles, the keyring, and the answer to a refused caller."""

from serving.access.keyring import (
    NEW_KEY_AHEAD_S,
    Keyring,
    bearer,
    keyring_path,
    must_name_keyring,
    open_keyring,
    read_keyring,
    rotate_keyring,
)
from serving.access.refused import RefusedError
from serving.access.roles import Access, Headers, Role, Roles

__all__ = [
    "NEW_KEY_AHEAD_S",
    "Access",
    "Headers",
    "Keyring",
    "RefusedError",
    "Role",
    "Roles",
    "bearer",
    "keyring_path",
    "must_name_keyring",
    "open_keyring",
    "read_keyring",
    "rotate_keyring",
]
