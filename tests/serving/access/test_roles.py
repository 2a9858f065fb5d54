"""Who may call what: a token for each role, and little without one, on this machine only."""

from typing import Any

import pytest

from serving.access.refused import RefusedError
from serving.access.roles import ROLES, Access, local

TOKENS = {role: (role.ljust(32, "x"),) for role in ROLES}
CLOSED = Access(TOKENS)
HERE = "127.0.0.1"
MAY = {
    "rank": {"rank"},
    "events": {"events"},
    "ingest": {"ingest", "events"},
    "observe": {"observe"},
    "decide": {"decide"},
    "review": {"review"},
    "operate": {"operate", "rank", "decide", "review", "observe"},
}


def bearer(role: str) -> bytes:
    return b"Bearer " + TOKENS[role][0].encode()  # type: ignore[index]


def sent(authorization: bytes | None = None, host: str = "127.0.0.1:3700", **others: str) -> dict[bytes, bytes]:
    headers = {name.replace("_", "-").encode(): value.encode() for name, value in others.items()}
    return {b"host": host.encode(), **headers, **({} if authorization is None else {b"authorization": authorization})}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("needed", ROLES)
def test_each_token_opens_its_own_doors(role: str, needed: Any) -> None:
    if needed in MAY[role]:
        assert CLOSED.check(sent(bearer(role)), needed, HERE) == MAY[role]
    else:
        with pytest.raises(RefusedError, match=f"needs the role `{needed}`") as refused:
            CLOSED.check(sent(bearer(role)), needed, HERE)
        assert refused.value.status == 403


STRANGE = [
    *(b"", b"Bearer", b"Bearer ", b"Bearer " + b"x" * 5000, b"\xff\xfe", b"Basic cm9vdDpyb290"),
    *(bearer("rank") + b" ", bearer("rank")[7:], bearer("rank").upper()),
]


@pytest.mark.parametrize("authorization", STRANGE)
def test_a_token_that_nobody_holds_is_refused_even_where_none_is_needed(authorization: bytes) -> None:
    for access in (CLOSED, Access(TOKENS, ["rank"])):
        with pytest.raises(RefusedError) as refused:
            access.check(sent(authorization), "rank", HERE)
        assert refused.value.status == 401


def test_the_word_bearer_may_be_written_in_any_case() -> None:
    assert CLOSED.check(sent(bearer("rank").replace(b"Bearer", b"bearer")), "rank", HERE) == {"rank"}


def test_without_a_token_the_way_to_one_is_said() -> None:
    with pytest.raises(RefusedError, match="flywheel token --role rank") as refused:
        CLOSED.check(sent(), "rank", HERE)
    assert refused.value.status == 401


def test_a_role_may_stand_open_on_loopback() -> None:
    opened = Access(TOKENS, ["operate"])
    assert opened.check(sent(), "rank", HERE) == MAY["operate"]
    assert opened.check(sent(bearer("events")), "observe", HERE) == {"events"} | MAY["operate"]
    with pytest.raises(RefusedError):
        opened.check(sent(), "events", HERE)


ELSEWHERE = [
    ("another address of this machine", "10.0.0.7", {"host": "10.0.0.7:3700"}),
    ("a socket without address", "", {}),
    ("a proxy on this machine", HERE, {"x_forwarded_for": "203.0.113.9"}),
    ("a proxy that says so by the book", HERE, {"forwarded": "for=203.0.113.9"}),
    ("a page whose name was turned to 127.0.0.1", HERE, {"host": "evil.example"}),
    ("a page with a clever name", HERE, {"host": "127.evil.example"}),
    ("nobody named", HERE, {"host": ""}),
    ("nonsense named", HERE, {"host": "[::1"}),
]

ELSEWHERE += [
    (f"a proxy that adds {name}", HERE, {name.lower().replace("-", "_"): "203.0.113.9"})
    for name in (
        "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "Fastly-Client-IP", "Fly-Client-IP", "X-Client-IP", "CF-Ray",
        "X-Cluster-Client-IP", "X-Azure-ClientIP", "X-Envoy-External-Address", "X-Forwarded-Host", "X-Forwarded-Proto",
        "X-Original-Forwarded-For", "X-Amzn-Trace-Id", "CDN-Loop", "Via",
    )
]  # fmt: skip


@pytest.mark.parametrize(("why", "reached", "headers"), ELSEWHERE, ids=[why for why, *_ in ELSEWHERE])
def test_what_does_not_come_from_this_machine_needs_its_token(why: str, reached: str, headers: dict[str, str]) -> None:
    opened = Access(TOKENS, ["observe"])
    assert opened.check(sent(bearer("observe"), **headers), "observe", reached)
    with pytest.raises(RefusedError):
        opened.check(sent(**headers), "observe", reached)


NAMES = [("127.0.0.1", "localhost:3700"), ("::1", "[::1]:3700"), ("127.0.0.1", "127.0.0.1")]


@pytest.mark.parametrize(("reached", "host"), NAMES)
def test_this_machine_has_several_names(reached: str, host: str) -> None:
    assert local(sent(host=host), reached)


def test_a_misspelt_role_is_said() -> None:
    with pytest.raises(ValueError, match="FLYWHEEL_OPEN_ON_LOOPBACK"):
        Access(TOKENS, ["metrics"])
