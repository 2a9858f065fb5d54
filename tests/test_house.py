"""The house keeps its order: files stay short, pages lead somewhere, nothing tells of the machine it was written on."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST = 300
LINK = re.compile(r"\]\(([^)#]+)|href=\"([^\"#]+)\"|src=\"([^\"#]+)\"")
ADDRESS = re.compile(r"(^|[^\w.])/(work|root|home/\w+|tmp/\w+-venv)/")


def tracked(*endings: str) -> list[Path]:
    """The files that belong to the project; in a copy without git, those that lie there."""
    found = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / line for line in found.stdout.splitlines()]
    return [path for path in paths if path.is_file() and path.name.endswith(endings)]


def test_no_python_file_is_longer_than_the_limit() -> None:
    files = tracked(".py")
    assert len(files) > 100
    assert not [path.name for path in files if len(path.read_text().splitlines()) > LONGEST]


def test_every_link_of_every_page_leads_to_a_file() -> None:
    broken = []
    for page in tracked(".md"):
        for groups in LINK.findall(page.read_text()):
            target = next(part for part in groups if part)
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} → {target}")
    assert not broken


def test_locks_hold_no_address_and_files_no_path_of_a_machine() -> None:
    locks = tracked(".lock")
    assert locks
    assert not [path.name for path in locks if "://" in path.read_text()]
    texts = tracked(".py", ".md", ".toml", ".yaml", ".yml", "Makefile", "Dockerfile")
    assert not [
        str(path.relative_to(ROOT)) for path in texts if ADDRESS.search(path.read_text()) and path != Path(__file__)
    ]
