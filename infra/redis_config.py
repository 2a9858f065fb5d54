"""The configuration of a Redis server that is started here: its address, its users and their rights."""

import hashlib
import logging
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from infra.address import shown
from infra.errors import Unavailable, Unsafe
from infra.settings import SHARED

OPEN = (
    "Redis at %s: every user of this machine can reach it. Put a password into FLYWHEEL_REDIS_URL, or leave it unset: "
    "then it listens on a socket in FLYWHEEL_HOME."
)
log = logging.getLogger(__name__)
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# No code needs commands that administer, replicate, dump or empty a server. Redis counts harmless ones among them:
# INFO, and BGSAVE and BGREWRITEAOF, by which what was deleted of a person leaves the server's files, too.
MAY = ("+@all", "-@admin", "-@dangerous", "+info", "+bgsave", "+bgrewriteaof")


def written(url: str, folder: Path, allow: Sequence[str] = ()) -> Path:
    """The configuration file for a server at `url` with its data in `folder`; `allow` names further allowed commands.

    The file holds a hash of the password; no command line holds the password.
    """
    lines = [
        *_listening(url, folder),
        f"dir {_quoted(folder.absolute())}",
        f"logfile {_quoted(folder.absolute() / 'redis.log')}",
        f"pidfile {_quoted(folder.absolute() / 'redis.pid')}",
        "save 300 1",
        *_users(urlsplit(url), allow),
    ]
    path = folder / "redis.conf"
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(file, "w") as out:
        out.write("\n".join((*lines, "")))
    return path


def socket_path(url: str) -> Path | None:
    """The Unix socket that a URL names; None for another kind of address."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "unix" else None


def private(folder: Path) -> None:
    """Make a folder that only its owner can enter; raises Unsafe when another user owns it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.stat()
    if status.st_uid != os.getuid():
        raise Unsafe(f"Redis: {folder} belongs to another user. Remove it, or set FLYWHEEL_REDIS_URL.")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) and not status.st_mode & stat.S_ISVTX:  # not the shared /tmp
        folder.chmod(0o700)


def _listening(url: str, folder: Path) -> list[str]:
    path, parts = socket_path(url), urlsplit(url)
    if path is not None:
        if path.parent in {folder.absolute(), SHARED}:
            private(path.parent)
        return ["port 0", f"unixsocket {_quoted(path)}", "unixsocketperm 600"]
    if parts.scheme == "redis" and parts.hostname in LOOPBACK:
        if not parts.password:
            log.warning(OPEN, url)
        return [f"bind {'::1' if parts.hostname == '::1' else '127.0.0.1'}", f"port {parts.port or 6379}"]
    raise Unavailable(
        f"Redis: nothing answers at {shown(url)}; only a server on this machine is started from here. Start it."
    )


def _users(parts: SplitResult, allow: Sequence[str]) -> list[str]:
    """The users: the one of the URL with its password; without a password, whoever can reach the socket."""
    name, password = unquote(parts.username or "") or "default", unquote(parts.password or "")
    secret = f"#{hashlib.sha256(password.encode()).hexdigest()}" if password else "nopass"
    rights = " ".join((*MAY, *(f"+{command}" for command in allow)))
    no_default_user = [] if name == "default" else ["user default off"]
    return [*no_default_user, f"user {_quoted(name)} on {secret} ~* &* {rights}"]


def _quoted(value: object) -> str:
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
