"""The lines of a drafted mapping file."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestration.sources.mapping.sniffing import SniffedFile, moments

EVERY = "10m"  # long enough for a page, short enough that a session is several: gates count pages
CLICKED = ("1", "true", "True", "yes")


def source_words(name: str, file: SniffedFile, paths: Sequence[Path], target: Path) -> Iterator[str]:
    """The section of a source."""
    source = file.source
    here = target.absolute().parent
    names = [
        p.absolute().relative_to(here).as_posix() if p.absolute().is_relative_to(here) else str(p.absolute())
        for p in paths
    ]
    yield f"[sources.{name}]"
    yield f"files = {_toml(names[0] if len(names) == 1 else names)}"
    if source.delimiter != ",":
        yield f"delimiter = {_toml(source.delimiter)}"
    if source.encoding != "utf-8":
        yield f"encoding = {_toml(source.encoding)}"
    if source.columns is not None:
        yield f"columns = {_toml(list(source.columns))}   # the file has no header line"
    if file.pairs:
        yield f"explode = {{ column = {_toml(file.pairs)}, by = \" \", pattern = '(?P<item>\\S+)-(?P<clicked>[01])' }}"
    yield ""


def impressions(file: SniffedFile) -> Iterator[str]:
    """The section of what was shown."""
    yield "[impressions]                # a row is one item shown to one user"
    yield 'from = "events"'
    user, item, request = file.role("user"), file.role("item"), file.role("request")
    yield (
        f"user_id = {_toml(user)}"
        if user
        else f"user_id = {{ join = {_toml(list(file.people))} }}   # no column names the user: equal values, one user"
    )
    yield f"video_id = {_toml('item' if file.pairs else item)}"
    yield f"event_time = {_moment(file, 'time')}"
    if request:
        yield f"request_id = {_toml(request)}           # what was shown together"
    else:
        who = [user] if user else list(file.people)
        yield "# what one user was shown within ten minutes counts as one page"
        yield f'request_id = {{ join = {_toml(who)}, every = "{EVERY}" }}'
    for role, ours in (("position", "position"), ("propensity", "propensity")):
        if file.role(role):
            yield f"{ours} = {_toml(file.role(role))}"
    yield '# device = { column = "…", values = { Mobile = "phone" } }   # phone, tablet, tv or desktop'
    yield ""


def engagements(file: SniffedFile) -> Iterator[str]:
    """The sections of what users did, and which of it counts as a success."""
    yield "# `success = true`: this is what the ranker learns to bring about."
    yield "# What is not said here (who, what, when) is as in [impressions]."
    rating, click, action, watch = (file.role(r) for r in ("rating", "click", "action", "watch"))
    if file.pairs:
        yield from _engagement('where = "clicked == 1"', "click", True)
    elif click and set(file.texts[click]) <= {"0", "1", "true", "false", "True", "False", "0.0", "1.0"}:
        yes = next((word for word in CLICKED if word in file.texts[click]), "1")
        yield from _engagement(
            f"where = {_toml(f'{click} == ' + (yes if yes == '1' else json.dumps(yes)))}", "click", True
        )
    elif rating:
        numbers = [float(t) for t in file.texts[rating] if _number(t)]
        good = 4 if max(numbers, default=5) <= 5 else 7 if max(numbers) <= 10 else 70
        yield from _engagement(f'where = "{rating} >= {good}"', "like", True)
    elif action:
        yield from _by_word(action, file)
    elif watch:
        yield "[[engagements]]"
        yield 'from = "events"'
        yield 'action = { value = "watch" }'
        yield f'watch_seconds = {{ column = {_toml(watch)}, unit = "{"ms" if "ms" in watch.lower() else "s"}" }}'
        yield ""
    else:
        yield "# No column seems to say what was done: every row counts as done, and nothing as shown and passed over."
        yield from _engagement("", "click", True)


def catalogue(table: str, key: str, source: str, file: SniffedFile, role: str) -> Iterator[str]:
    """The section of what is described."""
    yield f"[{table}]"
    yield f'from = "{source}"'
    yield f"{key} = {_toml(file.key(role))}"
    yield from _described(file) if role == "item" else _people(file)
    yield ""


def _described(file: SniffedFile) -> Iterator[str]:
    flags = [n for n in file.columns if file.texts[n] and set(file.texts[n]) <= {"0", "1"}]
    category = file.role("category")
    if category:
        several = any("|" in t for t in file.texts[category])
        yield (
            f'category = {{ column = {_toml(category)}, split = "|" }}' if several else f"category = {_toml(category)}"
        )
    elif len(flags) > 3:
        yield f"category = {{ first_of = {_toml(flags)} }}   # the first that is 1"
    for role, ours in (("creator", "creator_id"), ("language", "language")):
        if file.role(role):
            yield f"{ours} = {_toml(file.role(role))}"
    if file.role("duration"):
        name = file.role("duration")
        yield f'duration_s = {{ column = {_toml(name)}, unit = "{"ms" if "ms" in str(name).lower() else "s"}" }}'
    name = file.role("uploaded")
    if name and moments(file.texts[name]) is not None:
        yield f"uploaded_at = {_moment(file, 'uploaded')}"
    if not category and len(flags) <= 3:
        yield '# category = "…"        # topics are what variety and taste are made of'


def _people(file: SniffedFile) -> Iterator[str]:
    for role, ours in (("region", "region"), ("language", "language")):
        if file.role(role):
            yield f"{ours} = {_toml(file.role(role))}"
    name = file.role("signup")
    if name and moments(file.texts[name]) is not None:
        yield f"signup_at = {_moment(file, 'signup')}"
    yield '# region = "…"          # a few regions: what is popular is popular somewhere'


def _engagement(where: str, action: str, success: bool) -> Iterator[str]:
    yield "[[engagements]]"
    yield 'from = "events"'
    if where:
        yield where
    yield f'action = {{ value = "{action}" }}'
    yield f"success = {str(success).lower()}"
    yield ""


def _by_word(action: str, file: SniffedFile) -> Iterator[str]:
    """An engagement for each word of an action, rarest first; a word that looks like a view is no action."""
    counts = {word: file.texts[action].count(word) for word in set(file.texts[action])}
    shown = [word for word in counts if word.lower() in ("view", "pv", "impression", "show", "shown", "display")]
    done = sorted((word for word in counts if word not in shown), key=lambda word: counts[word])
    ours = {"like": "like", "fav": "like", "purchase": "like", "buy": "like", "transaction": "like", "share": "share",
            "comment": "comment", "follow": "follow", "hide": "hide", "report": "report"}  # fmt: skip
    for word in done[:9]:
        yield from _engagement(
            f"where = {_toml(f'{action} == {json.dumps(word)}')}", ours.get(word.lower(), "click"), True
        )
    if not done:
        yield f"# every row says {', '.join(shown)}: which rows are a success?"
        yield from _engagement("", "click", True)


def _moment(file: SniffedFile, role: str) -> str:
    name = file.role(role)
    assert name is not None
    how = moments(file.texts[name]) or {}
    options = "".join(f", {word} = {_toml(value)}" for word, value in how.items())
    return f"{{ column = {_toml(name)}{options} }}" if options else _toml(name)


def _toml(value: object) -> str:
    """A value as TOML writes it: texts and lists of them are as in JSON."""
    return json.dumps(value, ensure_ascii=False)


def _number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
