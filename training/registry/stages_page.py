"""The table of transitions in docs/rollout.md, written anew from the definition.

python -m training.registry.stages_page
"""

from pathlib import Path

from training.registry.stages import table

PAGE = Path(__file__).parents[2] / "docs" / "rollout.md"
BEGIN, END = "<!-- stages -->\n", "<!-- end of stages -->"


def with_table(page: str) -> str:
    """The page with the table as the code has it."""
    head, _, rest = page.partition(BEGIN)
    return head + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
