"""The connections of this worker: a bounded number, and of one peer a bounded share."""

import logging
import resource
from collections import Counter, OrderedDict
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

RESERVED_FILES = 256  # for item states, logs, Redis and what libraries open
V6_SITE = 64  # bits of an IPv6 address that tell one customer's network from another's
log = logging.getLogger(__name__)


class Caller(Protocol):
    """One connection."""

    @property
    def busy(self) -> bool:
        """Whether a request of it is being answered."""

    def evicted(self) -> None:
        """It is closed, because its place is needed."""


class ConnectionLimit:
    """The connections of one worker.

    Where all places are taken, a new connection gets the place of the one that has been idle longest: of those that
    never sent a complete request, if there are any. So idle connections, however many, keep no caller out. A peer that
    has its share is refused. Loopback and the networks of `proxies` have no share: all callers behind a proxy come from
    its address.
    """

    def __init__(self, most: int, most_a_peer: int, proxies: Collection[str] = ()) -> None:
        self._most, self._most_a_peer = most, most_a_peer
        self._proxies = [_network(proxy) for proxy in proxies]
        self._peers: dict[Caller, str] = {}
        self._open: Counter[str] = Counter()
        self._silent: OrderedDict[Caller, None] = OrderedDict()
        self._have_asked: OrderedDict[Caller, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._peers)

    def enter(self, who: Caller, address: str | None) -> bool:
        """Admit a connection; False where there is no place for it."""
        peer = self._peer(address)
        if peer and self._open[peer] >= self._most_a_peer:
            return False
        if len(self._peers) >= self._most and not self._evict():
            return False
        self._peers[who] = peer
        self._open[peer] += 1
        self._silent[who] = None
        return True

    def asked(self, who: Caller) -> None:
        """A complete request came from it."""
        if who in self._silent:
            del self._silent[who]
            self._have_asked[who] = None
        elif who in self._have_asked:
            self._have_asked.move_to_end(who)

    def leave(self, who: Caller) -> None:
        """It is closed, or was never admitted."""
        if who not in self._peers:
            return
        peer = self._peers.pop(who)
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]
        self._silent.pop(who, None)
        self._have_asked.pop(who, None)

    def _evict(self) -> bool:
        for callers in (self._silent, self._have_asked):
            for who in callers:
                if not who.busy:
                    self.leave(who)
                    who.evicted()
                    return True
        return False

    def _peer(self, address: str | None) -> str:
        """The key of all connections of one peer; empty for those that have no share."""
        try:
            caller = ip_address((address or "").partition("%")[0])
        except ValueError:  # a socket of this machine
            return ""
        caller = getattr(caller, "ipv4_mapped", None) or caller
        if caller.is_loopback or any(caller in network for network in self._proxies):
            return ""
        return str(caller) if isinstance(caller, IPv4Address) else _site(caller)


def open_files(connections: int) -> int:
    """Raise the limit on open files for so many connections, as far as allowed; returns how many there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return connections
    log.warning(
        "open files: this process may hold %d, so each worker takes %d connections instead of the %d of "
        "FLYWHEEL_CONNECTIONS. Raise the hard limit (`ulimit -Hn`, LimitNOFILE=, --ulimit nofile=).",
        soft, soft - RESERVED_FILES, connections,
    )  # fmt: skip
    return max(1, soft - RESERVED_FILES)


def _network(proxy: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(proxy, strict=False)
    except ValueError as wrong:
        raise ValueError(
            f"FLYWHEEL_TRUSTED_PROXIES names `{proxy}`: it takes addresses and networks such as "
            '["10.0.0.7", "10.1.0.0/16"]'
        ) from wrong


def _site(address: IPv6Address) -> str:
    return str(ip_network((address, V6_SITE), strict=False))
