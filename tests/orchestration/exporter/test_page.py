"""The page about what is seen from outside says what the definitions say."""

from pathlib import Path

from orchestration.exporter.page import page

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_what_the_definitions_say() -> None:
    assert (DOCS / "prometheus.md").read_text() == page(), "python -m orchestration.exporter.page > docs/prometheus.md"
