"""How a Redis server is set up that is started here: what it listens to, who may do what."""

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
# Nothing here asks for what administers, replicates, dumps or empties a server; INFO counts as dangerous, too.
MAY = ("+@all", "-@admin", "-@dangerous", "+info")


def written(url: str, folder: Path, allow: Sequence[str] = ()) -> Path:
    """A configuration file for a server at `url` with its data in `folder`; `allow` names commands it lets be besides.

    The password is in the file as a hash, and on no command line.
    """
    lines = [
        *_listening(url, folder),
        f"dir {_quoted(folder.absolute())}",
        f"logfile {_quoted(folder.absolute() / 'redis.log')}",
        f"pidfile {_quoted(folder.absolute() / 'redis.pid')}",
        "save 300 1",
        *_users(urlsplit(url), allow),
    ]
    made = folder / "redis.conf"
    made.unlink(missing_ok=True)
    file = os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(file, "w") as out:
        out.write("\n".join((*lines, "")))
    return made


def socket_path(url: str) -> Path | None:
    """The Unix socket that a URL names; None for another kind of address."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "unix" else None


def private(folder: Path) -> None:
    """Make a folder that nobody else can enter; raises Unsafe when it is somebody else's."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if found.st_uid != os.getuid():
        raise Unsafe(f"Redis: {folder} belongs to another user. Remove it, or set FLYWHEEL_REDIS_URL.")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) and not found.st_mode & stat.S_ISVTX:  # /tmp is everybody's
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
    """Who may come: with the password of the URL, under its name; whoever reaches the socket where it has none."""
    name, password = unquote(parts.username or "") or "default", unquote(parts.password or "")
    secret = f"#{hashlib.sha256(password.encode()).hexdigest()}" if password else "nopass"
    may = " ".join((*MAY, *(f"+{command}" for command in allow)))
    only = [] if name == "default" else ["user default off"]
    return [*only, f"user {_quoted(name)} on {secret} ~* &* {may}"]


def _quoted(value: object) -> str:
    told = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{told}"'
