"""The report of the loop: closed_loop.json, a page for people, and the picture."""

from typing import TYPE_CHECKING, Any

import msgspec

from infra.atomic import atomic_write
from orchestration.demo.loop import picture
from orchestration.demo.loop.findings import findings
from orchestration.demo.loop.page import html, markdown

if TYPE_CHECKING:
    from orchestration.demo.loop.story import LoopStory

NAME = "closed_loop"


def write(story: "LoopStory") -> dict[str, Any]:
    """Write all of them below the system's reports; returns the figures."""
    folder = story.installation.settings.reports
    folder.mkdir(parents=True, exist_ok=True)
    figures = findings(story)
    picture.draw(story.accounts, figures["marks"], folder / f"{NAME}.png")
    story.accounts.frame.to_parquet(folder / f"{NAME}_pages.parquet")
    with atomic_write(folder / f"{NAME}.json") as draft:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(figures, enc_hook=str)))
    with atomic_write(folder / f"{NAME}.md") as draft:
        draft.write_text(markdown(figures))
    with atomic_write(folder / f"{NAME}.html") as draft:
        draft.write_text(html(figures, (folder / f"{NAME}.png").read_bytes()))
    return figures
