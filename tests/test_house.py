"""The house keeps its order: short files, pages that name what exists, no word of the machine it was written on."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from feature_repo.systems.home_feed import HOME_FEED_FEATURES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LONGEST = 300
LINK = re.compile(r"\]\(([^)#]+)|href=\"([^\"#]+)\"|src=\"([^\"#]+)\"")
ADDRESS = re.compile(r"(^|[^\w.])/(work|root|home/\w+|tmp/\w+-venv)/")

TITLED = re.compile(r"\[([^\]\[]+)\]\(([^)\s]+)\)")  # [text](target)
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
IMPORT = re.compile(r"^\s*from ([\w.]+) import ([\w, ]+)$", re.MULTILINE)
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
ENDING = re.compile(r"_total$|\d+$")  # of a counter, of a name made with a number
BREAK = re.compile(r"[\s`'\"()\[\]|,;=]+")
SOURCE = (".py", ".md", ".toml", ".yaml", ".yml", ".lock", ".Dockerfile", ".sh")
OUTCOME = (".json", ".jsonl", ".db")
FOLDERS_READ = ("infra", "validation", "feature_repo", "training", "serving", "monitoring", "orchestration")
FOLDERS_READ += ("tests/orchestration",)  # a folder of tests is added when its names were read
STORED_NAMES = {("feature_repo/embedding_space.py", "found"), ("serving/definition.py", "shelf")}  # keys of files
UNCLEAR = {"found", "told", "made", "once", "whole", "ever", "shelf", "shelves", "lean", "front", "keeper", "survey"}
FOREIGN = {"visible_status", "obp", "nycflights13"}  # of data sets
FOREIGN |= {"_success", "large_string", "string_view", "forwarded", "via"}  # of Spark, Arrow and HTTP
FOREIGN |= {"acl", "config", "flushall", "flushdb", "hgetall", "migrate", "replicaof", "shutdown"}  # of Redis


def tracked(*endings: str) -> list[Path]:
    """The files that belong to the project; in a copy without git, those that lie there."""
    found = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / line for line in found.stdout.splitlines()]
    return [path for path in paths if path.is_file() and path.name.endswith(endings)]


@cache
def tree() -> list[str]:
    """Every file of the project, from its root."""
    return [path.relative_to(ROOT).as_posix() for path in tracked("")]


@cache
def folders() -> set[str]:
    """The folders at the root."""
    return {path.split("/")[0] for path in tree() if "/" in path}


@cache
def code() -> str:
    """The text of everything that is neither a page nor a test."""
    texts = (path for path in tree() if not path.startswith("tests/") and not path.endswith((".md", ".png", ".lock")))
    return "\n".join((ROOT / path).read_text() for path in texts)


@cache
def words_of_code() -> set[str]:
    """Every word of the code, in small letters."""
    return set(re.findall(r"\w+", code().lower()))


@cache
def names_in(module: Path) -> set[str]:
    """What a module defines or imports at its top level."""
    names: set[str] = set()
    for node in ast.parse(module.read_text()).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Import() | ast.ImportFrom():
                names |= {alias.asname or alias.name for alias in node.names}
            case _:
                names |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return names


@cache
def names_of_features() -> set[str]:
    """The features of the feed: some of their names are put together from those of counters."""
    return {feature.name for feature in HOME_FEED_FEATURES.features}


def is_file(word: str) -> bool:
    """Whether a file of the project has this name, with the folders that are said."""
    return any(path == word or path.endswith(f"/{word}") for path in tree())


def is_path(word: str) -> bool:
    """Whether a path from the root leads somewhere; git may ignore what only an installation has."""
    ignored = ["git", "check-ignore", "--quiet", word]
    return any(ROOT.glob(word.rstrip("/"))) or subprocess.run(ignored, cwd=ROOT, check=False).returncode == 0


def is_module(dotted: str) -> bool:
    """Whether a dotted name is a package, a module, or a name at the top of one."""
    place = ROOT
    parts = re.split(r"[.:]", dotted)
    for at, part in enumerate(parts):
        if (place / part).is_dir():
            place /= part
        elif (module := place / f"{part}.py").is_file():
            return at + 1 == len(parts) or parts[at + 1] in names_in(module)
        else:
            face = place / "__init__.py"
            return face.is_file() and part in names_in(face)
    return True


def slug(heading: str) -> str:
    """The address of a heading, as the pages' readers make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_link(page: Path, text: str, shown: str, target: str) -> str | None:
    """What is wrong with a link: it leads nowhere, or its text names another file."""
    if "://" in target:
        return None
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return f"{target} leads nowhere"
    headings = re.findall(r"^#+ (.*)$", text if file == page else file.read_text(), re.MULTILINE) if anchor else []
    if anchor and anchor not in map(slug, headings):
        return f"{target} has no such heading"
    named = shown.strip("`").rstrip("/")
    whole = f"/{file.relative_to(ROOT).as_posix()}"
    if ("/" in shown or named.endswith(SOURCE)) and " " not in named and not whole.endswith(f"/{named}"):
        return f"[{shown}] leads to {whole[1:]}"
    return None


def unknown_word(word: str) -> bool:
    """Whether a word of a page names a file, a folder or a module that is not there."""
    if not word or "://" in word or re.search(r"[<>$…{}\\]|\bNAME\b", word):
        return False
    first = re.split(r"[/.]", word)[0]
    if "/" in word and first in folders():
        return not is_path(word)
    if word.endswith(SOURCE) and not word.startswith("*"):
        return not is_file(word) and word not in code()
    return first in folders() and re.fullmatch(r"\w+(\.\w+)+(:\w+)?", word) is not None and not is_module(word)


def unknown_code(span: str) -> bool:
    """Whether inline code is a name, a setting, a metric or a written file that the code does not know."""
    name = span.partition("(")[0].partition("{")[0]
    if name.endswith(OUTCOME) and re.fullmatch(r"[a-z][\w.]+", name):
        stem, _, ending = name.partition(".")
        return stem not in words_of_code() or ending not in code()
    if not NAME.fullmatch(name):
        return False
    known = words_of_code() | names_of_features() | FOREIGN | {""}
    parts = name.lower().split(".")
    return not all({part, part.removeprefix("flywheel_"), ENDING.sub("", part)} & known for part in parts)


def faults(page: Path, text: str) -> list[str]:
    """What a page leads to or names that is not in the tree, each once."""
    found = [broken_link(page, text, shown, target) for shown, target in TITLED.findall(text)]
    said = LINK.sub(" ", text)
    found += [f"{word} does not exist" for part in BREAK.split(said) if unknown_word(word := part.strip(".:"))]
    found += [f"`{span}` is not in the code" for span in INLINE.findall(BLOCK.sub("", said)) if unknown_code(span)]
    for module, names in IMPORT.findall(said):
        found += [
            f"{module} has no {name}"
            for name in names.replace(" ", "").split(",")
            if module.split(".")[0] in folders() and not is_module(f"{module}.{name}")
        ]
    return list(dict.fromkeys(fault for fault in found if fault))


def unclear_names(source: str) -> list[tuple[int, str]]:
    """The variables and parameters of a source that do not say what they hold, after their lines."""
    names: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(ctx=ast.Store()):
                names.append((node.lineno, node.id))
            case ast.arg():
                names.append((node.lineno, node.arg))
            case ast.ExceptHandler(name=str() as name):
                names.append((node.lineno, name))
    return [(line, name) for line, name in sorted(names) if name in UNCLEAR]


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_folder_and_module_that_a_page_names_exists(page: Path) -> None:
    assert faults(page, page.read_text()) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Read serving/shedding.py first.", "serving/shedding.py does not exist"),
        ("All of it is in `training/keeping/`.", "training/keeping/ does not exist"),
        ("```sh\npython tests/bench/nothing.py\n```", "tests/bench/nothing.py does not exist"),
        ("as `histories.py` says", "histories.py does not exist"),
        ("`serving.page.ladders` answers", "serving.page.ladders does not exist"),
        ("`serving.service:Feed` is started", "serving.service:Feed does not exist"),
        ("```python\nfrom infra.lake import Lake, Pond\n```", "infra.lake has no Pond"),
        ("[ladder.py](../serving/page/rungs.py)", "[ladder.py] leads to serving/page/rungs.py"),
        ("[the ladder](../serving/ladder.py)", "../serving/ladder.py leads nowhere"),
        ("[who may ask](serving.md#nobody)", "serving.md#nobody has no such heading"),
        ("what `packed_records_of_old` holds", "`packed_records_of_old` is not in the code"),
        ("set `FLYWHEEL_NO_SUCH_SETTING`", "`FLYWHEEL_NO_SUCH_SETTING` is not in the code"),
        ("written to `nobody_writes_it.json`", "`nobody_writes_it.json` is not in the code"),
    ],
)
def test_a_page_that_names_what_does_not_exist_is_refused(text: str, fault: str) -> None:
    assert fault in faults(ROOT / "docs" / "page.md", text)


def test_a_page_may_name_what_exists_and_what_others_own() -> None:
    text = """
    [ladder.py](../serving/page/ladder.py), [`page/ladder.py`](../serving/page/ladder.py), [doors](serving.md#access),
    `training/registry/`, tests/bench/*.py, serving.service:HomeFeed, `Lake.switch`, `FLYWHEEL_HOME`, `live.json`;
    `<landing>/<table>/a.jsonl`, my-files/views.csv and https://example.org/serving/nothing.py are no concern of ours.
    """
    assert faults(ROOT / "docs" / "page.md", text) == []


def test_locks_hold_no_address_and_files_no_path_of_a_machine() -> None:
    locks = tracked(".lock")
    assert locks
    assert not [path.name for path in locks if "://" in path.read_text()]
    texts = tracked(".py", ".md", ".toml", ".yaml", ".yml", "Makefile", "Dockerfile")
    assert not [
        str(path.relative_to(ROOT)) for path in texts if ADDRESS.search(path.read_text()) and path != Path(__file__)
    ]


@pytest.mark.parametrize("folder", FOLDERS_READ)
def test_a_variable_says_what_it_holds(folder: str) -> None:
    files = [path for path in tracked(".py") if path.is_relative_to(ROOT / folder)]
    assert files
    unclear = [(path.relative_to(ROOT).as_posix(), *name) for path in files for name in unclear_names(path.read_text())]
    assert not [(path, line, name) for path, line, name in unclear if (path, name) not in STORED_NAMES]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("found = read(path)", "found"),
        ("found: list[str] = []", "found"),
        ("ready, told = False, True", "told"),
        ("for found in rows: pass", "found"),
        ("with load() as made: pass", "made"),
        ("sizes = [len(whole) for whole in parts]", "whole"),
        ("if (once := first()): pass", "once"),
        ("def read(path, *, shelf=None): pass", "shelf"),
        ("keep = lambda keeper: keeper", "keeper"),
        ("try: read()\nexcept OSError as told: pass", "told"),
    ],
)
def test_a_variable_that_says_nothing_is_refused(source: str, name: str) -> None:
    assert [unclear for _, unclear in unclear_names(source)] == [name]


def test_text_attributes_and_other_names_may_hold_these_words() -> None:
    assert unclear_names('rows = self.found\nnot_found, text = 0, "found"\nread(made=rows)') == []
