"""What counts as a valid answer of each route, and under which word it is counted."""

import msgspec


class Item(msgspec.Struct):
    """One item of a page."""

    video_id: str


class Page(msgspec.Struct):
    """An answer of the service, as far as it is judged."""

    items: list[Item]
    served_by: str


LIMIT = 20
_decode = msgspec.json.Decoder(Page).decode


def feed(status: int, body: bytes) -> tuple[bool, str]:
    """A page is valid when it holds as many videos as were asked for, each once; counted by its rung or its status."""
    if status != 200:
        return False, str(status)
    page = _decode(body)
    return len({item.video_id for item in page.items}) == len(page.items) == LIMIT, page.served_by


def rank(status: int, body: bytes) -> tuple[bool, str]:
    """An order is valid when it holds anything, each item once."""
    if status != 200:
        return False, str(status)
    page = _decode(body)
    return 0 < len({item.video_id for item in page.items}) == len(page.items), page.served_by
