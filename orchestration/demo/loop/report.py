"""The report of the loop: closed_loop.json, a page for people, and the picture."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from infra.atomic import atomic_write
from infra.errors import DefinitionError
from orchestration.demo.loop import picture
from orchestration.demo.loop.findings import findings
from orchestration.demo.loop.page import html, markdown

if TYPE_CHECKING:
    from orchestration.demo.loop.story import LoopStory

NAME = "closed_loop"
PAGE, PICTURE = "loop.md", "pictures/closed-loop.png"
MARK = "<!-- Below: figures of the last `make loop` -->\n"


def write(story: "LoopStory") -> dict[str, Any]:
    """Write all of them below the system's reports; returns the figures."""
    folder = story.installation.settings.reports
    folder.mkdir(parents=True, exist_ok=True)
    figures = findings(story)
    picture.draw(story.accounts, figures["marks"], folder / f"{NAME}.png", story.learned.get("bad"))
    story.accounts.frame.to_parquet(folder / f"{NAME}_pages.parquet")
    with atomic_write(folder / f"{NAME}.json") as draft:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(figures, enc_hook=str)))
    with atomic_write(folder / f"{NAME}.md") as draft:
        draft.write_text(markdown(figures))
    with atomic_write(folder / f"{NAME}.html") as draft:
        draft.write_text(html(figures, (folder / f"{NAME}.png").read_bytes()))
    return figures


def publish(reports: Path, docs: Path) -> None:
    """Put the figures of the last run below the mark of the page in `docs`, and the picture beside it."""
    (docs / PAGE).write_text(head_of(docs) + MARK + "\n" + (reports / f"{NAME}.md").read_text())
    shutil.copyfile(reports / f"{NAME}.png", docs / PICTURE)


def head_of(docs: Path) -> str:
    """The page above the mark; raises DefinitionError where there is none, which is asked before hours of work."""
    page = docs / PAGE
    head, mark, _ = page.read_text().partition(MARK) if page.is_file() else ("", "", "")
    if not mark:
        raise DefinitionError(f"{page} has no line `{MARK.strip()}`, below which figures are written. Put it there.")
    return head
