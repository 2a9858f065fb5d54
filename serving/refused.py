"""A refusal: what a caller is told instead of an answer."""


class RefusedError(Exception):
    """A request that cannot be served as it is: `retry_s` says after how long it might be."""

    def __init__(self, status: int, reason: str, retry_s: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.retry_s = status, retry_s
