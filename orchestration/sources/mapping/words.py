"""The lines of a drafted mapping file."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestration.sources.mapping.sniffing import Looked, moments

EVERY = "10m"  # long enough for a page, short enough that a session is several: gates count pages
CLICKED = ("1", "true", "True", "yes")


def source_words(name: str, found: Looked, paths: Sequence[Path], target: Path) -> Iterator[str]:
    """The section of a source."""
    source = found.source
    here = target.absolute().parent
    names = [
        p.absolute().relative_to(here).as_posix() if p.absolute().is_relative_to(here) else str(p.absolute())
        for p in paths
    ]
    yield f"[sources.{name}]"
    yield f"files = {_said(names[0] if len(names) == 1 else names)}"
    if source.delimiter != ",":
        yield f"delimiter = {_said(source.delimiter)}"
    if source.encoding != "utf-8":
        yield f"encoding = {_said(source.encoding)}"
    if source.columns is not None:
        yield f"columns = {_said(list(source.columns))}   # the file has no header line"
    if found.pairs:
        yield f"explode = {{ column = {_said(found.pairs)}, by = \" \", pattern = '(?P<item>\\S+)-(?P<clicked>[01])' }}"
    yield ""


def impressions(found: Looked) -> Iterator[str]:
    """The section of what was shown."""
    yield "[impressions]                # a row is one item shown to one user"
    yield 'from = "events"'
    user, item, request = found.role("user"), found.role("item"), found.role("request")
    yield (
        f"user_id = {_said(user)}"
        if user
        else f"user_id = {{ join = {_said(list(found.people))} }}   # nobody is named: who looks alike counts as one"
    )
    yield f"video_id = {_said('item' if found.pairs else item)}"
    yield f"event_time = {_moment(found, 'time')}"
    if request:
        yield f"request_id = {_said(request)}           # what was shown together"
    else:
        who = [user] if user else list(found.people)
        yield "# what one user was shown within ten minutes counts as one page"
        yield f'request_id = {{ join = {_said(who)}, every = "{EVERY}" }}'
    for role, ours in (("position", "position"), ("propensity", "propensity")):
        if found.role(role):
            yield f"{ours} = {_said(found.role(role))}"
    yield '# device = { column = "…", values = { Mobile = "phone" } }   # phone, tablet, tv or desktop'
    yield ""


def engagements(found: Looked) -> Iterator[str]:
    """The sections of what was done, and which of it the ranker is to bring about."""
    yield "# `success = true`: this is what the ranker learns to bring about."
    yield "# What is not said here (who, what, when) is as in [impressions]."
    rating, click, action, watch = (found.role(r) for r in ("rating", "click", "action", "watch"))
    if found.pairs:
        yield from _engagement('where = "clicked == 1"', "click", True)
    elif click and set(found.texts[click]) <= {"0", "1", "true", "false", "True", "False", "0.0", "1.0"}:
        yes = next((word for word in CLICKED if word in found.texts[click]), "1")
        yield from _engagement(
            f"where = {_said(f'{click} == ' + (yes if yes == '1' else json.dumps(yes)))}", "click", True
        )
    elif rating:
        numbers = [float(t) for t in found.texts[rating] if _number(t)]
        good = 4 if max(numbers, default=5) <= 5 else 7 if max(numbers) <= 10 else 70
        yield from _engagement(f'where = "{rating} >= {good}"', "like", True)
    elif action:
        yield from _by_word(action, found)
    elif watch:
        yield "[[engagements]]"
        yield 'from = "events"'
        yield 'action = { value = "watch" }'
        yield f'watch_seconds = {{ column = {_said(watch)}, unit = "{"ms" if "ms" in watch.lower() else "s"}" }}'
        yield ""
    else:
        yield "# No column seems to say what was done: every row counts as done, and nothing as shown and passed over."
        yield from _engagement("", "click", True)


def catalogue(table: str, key: str, source: str, found: Looked, role: str) -> Iterator[str]:
    """The section of what is described."""
    yield f"[{table}]"
    yield f'from = "{source}"'
    yield f"{key} = {_said(found.key(role))}"
    yield from _described(found) if role == "item" else _people(found)
    yield ""


def _described(found: Looked) -> Iterator[str]:
    flags = [n for n in found.columns if found.texts[n] and set(found.texts[n]) <= {"0", "1"}]
    category = found.role("category")
    if category:
        several = any("|" in t for t in found.texts[category])
        yield (
            f'category = {{ column = {_said(category)}, split = "|" }}' if several else f"category = {_said(category)}"
        )
    elif len(flags) > 3:
        yield f"category = {{ first_of = {_said(flags)} }}   # the first that is 1"
    for role, ours in (("creator", "creator_id"), ("language", "language")):
        if found.role(role):
            yield f"{ours} = {_said(found.role(role))}"
    if found.role("duration"):
        name = found.role("duration")
        yield f'duration_s = {{ column = {_said(name)}, unit = "{"ms" if "ms" in str(name).lower() else "s"}" }}'
    name = found.role("uploaded")
    if name and moments(found.texts[name]) is not None:
        yield f"uploaded_at = {_moment(found, 'uploaded')}"
    if not category and len(flags) <= 3:
        yield '# category = "…"        # topics are what variety and taste are made of'


def _people(found: Looked) -> Iterator[str]:
    for role, ours in (("region", "region"), ("language", "language")):
        if found.role(role):
            yield f"{ours} = {_said(found.role(role))}"
    name = found.role("signup")
    if name and moments(found.texts[name]) is not None:
        yield f"signup_at = {_moment(found, 'signup')}"
    yield '# region = "…"          # a few regions: what is popular is popular somewhere'


def _engagement(where: str, action: str, success: bool) -> Iterator[str]:
    yield "[[engagements]]"
    yield 'from = "events"'
    if where:
        yield where
    yield f'action = {{ value = "{action}" }}'
    yield f"success = {str(success).lower()}"
    yield ""


def _by_word(action: str, found: Looked) -> Iterator[str]:
    """An engagement for each word of an action: the rarest counts as success, what looks like a view as no action."""
    counts = {word: found.texts[action].count(word) for word in set(found.texts[action])}
    shown = [word for word in counts if word.lower() in ("view", "pv", "impression", "show", "shown", "display")]
    done = sorted((word for word in counts if word not in shown), key=lambda word: counts[word])
    ours = {"like": "like", "fav": "like", "purchase": "like", "buy": "like", "transaction": "like", "share": "share",
            "comment": "comment", "follow": "follow", "hide": "hide", "report": "report"}  # fmt: skip
    for word in done[:9]:
        yield from _engagement(
            f"where = {_said(f'{action} == {json.dumps(word)}')}", ours.get(word.lower(), "click"), True
        )
    if not done:
        yield f"# every row says {', '.join(shown)}: which rows are a success?"
        yield from _engagement("", "click", True)


def _moment(found: Looked, role: str) -> str:
    name = found.role(role)
    assert name is not None
    how = moments(found.texts[name]) or {}
    more = "".join(f", {word} = {_said(value)}" for word, value in how.items())
    return f"{{ column = {_said(name)}{more} }}" if more else _said(name)


def _said(value: object) -> str:
    """A value as TOML writes it: texts and lists of them are as in JSON."""
    return json.dumps(value, ensure_ascii=False)


def _number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
