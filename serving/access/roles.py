"""Who may call what: roles, the bearer tokens that have them, and what needs no token on this machine."""

import hmac
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Literal, get_args
from urllib.parse import urlsplit

from serving.access.refused import RefusedError

Role = Literal["rank", "decide", "events", "ingest", "review", "observe", "operate"]
ROLES: tuple[Role, ...] = get_args(Role)
Roles = frozenset[str]
Headers = Mapping[bytes, bytes]
INCLUDES: Mapping[str, Roles] = {
    "ingest": frozenset({"events"}),
    "operate": frozenset({"rank", "decide", "review", "observe"}),
}
NONE: Roles = frozenset()
ASK = {b"www-authenticate": b"Bearer"}
# Headers that proxies add: the standard's names, and those in which others name the caller or themselves (X-Real-IP,
# CF-Connecting-IP, True-Client-IP, X-Azure-ClientIP, X-Envoy-External-Address, Fly-Client-IP …).
BY_PROXIES = {b"forwarded", b"via", b"x-scheme"}
BEGIN = (b"x-forwarded", b"x-original-", b"x-envoy-", b"x-azure-", b"x-amz", b"cf-", b"cdn-", b"fastly-", b"tailscale-")
END = (b"-ip", b"-ipv6", b"clientip", b"-addr", b"-address", b"forwarded-for")


class Access:
    """The bearer tokens of each role. One of `ingest` holds `events`, too, one of `operate` `rank`, `decide`,
    `review` and `observe`.

    `open_here` are roles that need no token when a request comes over loopback.
    """

    def __init__(self, tokens: Mapping[Role, Collection[str]], open_here: Collection[str] = ()) -> None:
        unknown = set(open_here) - set(ROLES)
        if unknown:
            raise ValueError(f"FLYWHEEL_OPEN_ON_LOOPBACK names {sorted(unknown)}: the roles are {', '.join(ROLES)}")
        roles: dict[bytes, Roles] = {}
        for role, of_role in tokens.items():
            for token in map(str.encode, of_role):
                roles[token] = roles.get(token, NONE) | {role} | INCLUDES.get(role, NONE)
        self._roles = tuple(roles.items())
        self._open: Roles = frozenset(open_here).union(*(INCLUDES.get(role, NONE) for role in open_here))

    def check(self, headers: Headers, role: Role, reached: str) -> Roles:
        """The caller's roles, of which `role` is one. Raises RefusedError: 401 for strangers, 403 for other roles.

        headers  of the request, names in lower case
        reached  the address of ours that the request came to
        """
        authorization = headers.get(b"authorization")
        roles = self._of(authorization)
        if role in roles:
            return roles
        if authorization is not None and not roles:
            raise RefusedError(401, "this token is unknown: send one of the keyring, after `Bearer `", headers=ASK)
        if role in self._open and local(headers, reached):
            return roles | self._open
        if roles:
            raise RefusedError(403, f"this needs the role `{role}`; the token holds {', '.join(sorted(roles))}")
        raise RefusedError(
            401, f"send `authorization: Bearer <token>` with a token of role `{role}`; "
            f"`flywheel token --role {role}` prints one", headers=ASK
        )  # fmt: skip

    def _of(self, authorization: bytes | None) -> Roles:
        """The roles of a token. All tokens are compared, so that the time taken shows no more than their lengths."""
        if authorization is None or authorization[:7].lower() != b"bearer ":
            return NONE
        token, roles = authorization[7:], NONE
        for known_token, its_roles in self._roles:
            if hmac.compare_digest(token, known_token):
                roles = its_roles
        return roles


def local(headers: Headers, reached: str) -> bool:
    """Whether a request was sent on this machine to a loopback address, by its name, and not passed on by a proxy.

    The name must be one of loopback: a web page whose name was made to resolve to 127.0.0.1 sends its own name.
    """
    try:
        named = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname
    except ValueError:
        return False
    return loopback(named or "") and loopback(reached) and not any(map(_by_proxy, headers))


def _by_proxy(name: bytes) -> bool:
    return name in BY_PROXIES or name.startswith(BEGIN) or name.endswith(END)


def loopback(host: str) -> bool:
    """Whether an address or host name is this machine's alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
