"""The documentation of tables is what the definitions say."""

from pathlib import Path

from validation.systems.home_feed import TABLES
from validation.tables_page import nulls, page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_tables_page_is_the_one_made_from_the_definitions():
    what_to_do = "regenerate it: python -m validation.tables_page > docs/tables.md"
    assert (DOCS / "tables.md").read_text() == page(TABLES), what_to_do


def test_the_landing_page_tells_of_each_column_how_many_nulls_are_borne():
    assert nulls(TABLES) in (DOCS / "landing.md").read_text(), nulls(TABLES)


def test_every_column_stands_on_the_page():
    text = page(TABLES)
    assert all(f"| `{column.name}` |" in text for table in TABLES for column in table.columns)
