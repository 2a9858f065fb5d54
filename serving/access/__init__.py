"""Access: roles, the keyring, signed tokens, and the answer to a refused caller."""

from serving.access.guard import Guard
from serving.access.keyring import (
    NEW_KEY_AHEAD_S,
    bearer,
    keyring_path,
    must_name_keyring,
    open_keyring,
    rotate_keyring,
)
from serving.access.refused import RefusedError
from serving.access.roles import Headers, Role, Roles
from serving.access.tokens import Impression, Keys

__all__ = [
    "NEW_KEY_AHEAD_S",
    "Guard",
    "Headers",
    "Impression",
    "Keys",
    "RefusedError",
    "Role",
    "Roles",
    "bearer",
    "keyring_path",
    "must_name_keyring",
    "open_keyring",
    "rotate_keyring",
]
