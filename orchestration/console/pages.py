"""The templates: everything that is put into them is escaped, unless it was drawn here."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestration.console.words import FILTERS

HERE = Path(__file__).parent
STATIC = {
    "console.css": ("text/css; charset=utf-8", (HERE / "static" / "console.css").read_bytes()),
    "wheel.svg": ("image/svg+xml", (HERE / "static" / "wheel.svg").read_bytes()),
}
STYLE = sha256(STATIC["console.css"][1]).hexdigest()[:12]  # in its address: a new style is loaded, an old one kept
ENVIRONMENT = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
ENVIRONMENT.filters.update(FILTERS)
NOTHING: Mapping[str, Any] = {
    "system": "", "systems": (), "tabs": (), "tab": None, "session": None, "session_left": None, "says": "",
    "here": "", "style": STYLE,
}  # fmt: skip


def page(template: str, **shown: Any) -> str:
    """A page of HTML."""
    return ENVIRONMENT.get_template(template).render({**NOTHING, **shown})
