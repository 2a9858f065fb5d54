"""A form that was sent: read with limits on its size, each field once."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request

from serving.access import RefusedError

MOST_BYTES, MOST_FIELDS = 16_384, 12
KIND = "application/x-www-form-urlencoded"
LONGEST_REASON = 1_000


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form; raises RefusedError for one that is too long or cannot be read."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != KIND:
        raise RefusedError(415, f"a form is sent as {KIND}")
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                raise RefusedError(413, f"a form is no longer than {MOST_BYTES:,} bytes")
    except ClientDisconnect as gone:
        raise RefusedError(400, "the form ended early") from gone
    try:
        fields = parse_qs(body.decode(), max_num_fields=MOST_FIELDS, keep_blank_values=True, errors="strict")
    except ValueError as wrong:
        raise RefusedError(400, f"the form cannot be read: {wrong}") from wrong
    if twice := [name for name, values in fields.items() if len(values) > 1]:
        raise RefusedError(400, f"`{twice[0][:40]}` was sent twice")
    return {name: values[0] for name, values in fields.items()}


def reason_in(form: Mapping[str, str]) -> str:
    """The reason that a form gives, on one line; raises RefusedError where there is none: histories keep it."""
    why = " ".join("".join(sign if sign.isprintable() else " " for sign in form.get("why", "")).split())
    if not why:
        raise RefusedError(422, "say why: the reason is kept in the history for whoever asks later")
    if len(why) > LONGEST_REASON:
        raise RefusedError(422, f"a reason is no longer than {LONGEST_REASON:,} characters")
    return why
