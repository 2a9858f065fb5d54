"""A message in a body."""

from collections.abc import Callable
from typing import Any

import msgspec

from serving.access import RefusedError


def read(decode: Callable[[bytes], Any], body: bytes) -> Any:
    """The message in a body; refuses a body that is no message, and says what is wrong with it."""
    try:
        return decode(body)
    except msgspec.ValidationError as wrong:
        raise RefusedError(422, f"{wrong}. The fields are described at /docs.") from wrong
    except msgspec.DecodeError as wrong:
        raise RefusedError(400, f"the body is not JSON: {wrong}") from wrong
    except UnicodeDecodeError as wrong:
        raise RefusedError(400, f"the body is not UTF-8: {wrong.reason} at byte {wrong.start} of a text") from wrong
