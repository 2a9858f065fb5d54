"""Callers that speak to a port byte by byte, as rude ones do."""

import socket
from contextlib import suppress
from urllib.parse import urlsplit


def dial(address: str, timeout_s: float = 60.0) -> socket.socket:
    """A connection to an address such as http://127.0.0.1:3700."""
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname or "", parts.port or 80), timeout=timeout_s)


def rest(caller: socket.socket) -> bytes:
    """What comes until the other side ends the connection."""
    got = b""
    with suppress(ConnectionError):
        while data := caller.recv(1 << 16):
            got += data
    return got


def head(path: str = "/healthz", method: str = "GET", *more: str) -> bytes:
    """The headers of a request, without the empty line that ends them."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "host: 127.0.0.1", *more, "")).encode()
