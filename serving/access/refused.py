"""A refusal: what a caller gets instead of an answer."""

from collections.abc import Mapping

MOST = 500  # characters: a caller's own megabyte is not sent back to it
NONE: Mapping[bytes, bytes] = {}


class RefusedError(Exception):
    """A request that cannot be served as it is; `retry_s` says after how long it might be."""

    def __init__(
        self, status: int, reason: str, retry_s: int | None = None, headers: Mapping[bytes, bytes] = NONE
    ) -> None:
        super().__init__(reason if len(reason) <= MOST else f"{reason[:MOST]} …")
        self.status = status
        self.headers = headers if retry_s is None else {b"retry-after": str(retry_s).encode(), **headers}
