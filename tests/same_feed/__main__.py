"""`make same`: a small simulated platform from files to served pages, and whether all figures are what they were.

For changes that must change no behaviour: files that move, names, a loop with another compiler. A fixed week of events
goes by the command line through ingestion, features, training, gates and release into a home that is thrown away; the
service answers 200 users at a fixed moment, is told what some of them did, and answers these again after the stream has
counted it. What is compared, in this order: every table of the lake, the recipe's and the training rows' digests, the
features and their types, every file of the release, each gate's and each contender's figures, each served feature, and
each page with its videos, sources, propensities, release and rung. Equal means equal to the last bit.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.same_feed import difference, figures, requests
from tests.same_feed.installation import SCALE, SYSTEM, FailedError, Installation, later, released

REFERENCE = Path(__file__).parent / "reference.json"
EXAMPLES = """
examples:
  python -m tests.same_feed --against tests/same_feed/reference.json    what `make same` does
  python -m tests.same_feed --write tests/same_feed/reference.json      a new reference, where a change is meant
"""
ATTEMPTS = 5
LATE = "no_user_state"  # what is served when Redis does not answer in time
SERVED_S = 3600.0  # after the last event: features are online by then, whatever the machine took to bring them there
AFTER_S = 600.0
PAGES = ("pages", "pages after the stream")


BEGAN = time.monotonic()


def say(words: str) -> None:
    """Tell whoever waits."""
    print(f"[{time.monotonic() - BEGAN:4.0f} s] {words}", flush=True)


def measured(folder: Path) -> dict[str, Any]:
    """All figures of one run."""
    on = figures.made_on()  # now: somebody may commit while this runs
    say("a week of events: ingestion, features, training, gates, release …")
    made = released(folder)
    lake = made.part / "lake"
    training_set = figures.read(lake / "training_sets" / SYSTEM).schema
    found = {
        difference.MADE_ON: on,
        "world": {name: str(value) for name, value in asdict(SCALE).items()},
        "tables": figures.tables(lake),
        "release": figures.release(made.part / "releases", training_set),
        "verdict": figures.verdict(made.part / "candidates"),
    }
    return found | served(made, folder / "served", list(found["release"]["features"]))


def served(made: Installation, folder: Path, features: list[str]) -> dict[str, Any]:
    """The figures of what is served, before and after the stream; once more where the machine was too busy."""
    for attempt in range(ATTEMPTS):
        found = _served(later(made.copied(folder / str(attempt)), SERVED_S), features)
        late = [name for part in PAGES for name, page in found[part].items() if page.get("served_by") == LATE]
        if not late:
            return found
        say(f"{len(late)} pages were too late for Redis: again …")
    raise FailedError(f"Redis was too slow in each of {ATTEMPTS} attempts: come again when the machine has time")


def _served(made: Installation, features: list[str]) -> dict[str, Any]:
    lake, landing = made.part / "lake" / "tables", made.part / "landing"
    rows = figures.read(lake / "users").sort_by([("user_id", "ascending"), ("event_time", "ascending")]).to_pylist()
    users = list({row["user_id"]: row for row in rows}.values())
    videos = sorted(set(figures.read(lake / "videos")["video_id"].to_pylist()))
    pages, looks = requests.pages(users), requests.looks(users, videos)
    feedback, next_pages = requests.feedback(pages, made.moment.isoformat()), requests.afterwards(users)
    with made.redis():
        say(f"{len(pages)} pages, {len(looks)} looks, {len(feedback)} times feedback …")
        answers = made.ask(pages | looks | feedback)
        shown, done = figures.logged(landing / "impressions"), figures.logged(landing / "engagements")
        say("the stream counts the feedback …")
        after = later(made, AFTER_S)
        after.flywheel("stream", "--once")
        say(f"{len(next_pages)} pages afterwards …")
        then = after.ask(next_pages)
    before = {row["request_id"] for row in shown}
    shown_then = [row for row in figures.logged(landing / "impressions") if row["request_id"] not in before]
    return {
        "served features": figures.served_features(shown, features),
        "pages": figures.pages(pages | looks, answers, shown),
        "feedback": figures.events(done) | figures.pages(feedback, answers, []),
        "pages after the stream": figures.pages(next_pages, then, shown_then),
        "served features after the stream": figures.served_features(shown_then, features),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 where a figure is another one, 2 where there is nothing to compare."""
    asked = argparse.ArgumentParser(
        prog="python -m tests.same_feed", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    asked.add_argument("--write", type=Path, metavar="FILE", help="write the figures of this checkout")
    asked.add_argument(
        "--against", type=Path, metavar="FILE", help="compare them with these; exit status 1 if not equal"
    )
    asked.add_argument("--figures", type=Path, metavar="FILE", help="compare those in this file, and run nothing")
    given = asked.parse_args(arguments)
    if not (given.write or given.against):
        asked.error("say --write FILE or --against FILE")
    try:
        before = difference.read(given.against) if given.against else None  # first: no run for a file of nothing
        found = difference.read(given.figures) if given.figures else _run()
    except (difference.UnreadableError, FailedError) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    if given.write:
        difference.write(given.write, found)
        say(f"written: {given.write}")
    return 0 if before is None else compared(before, found)


def compared(before: Mapping[str, Any], found: Mapping[str, Any]) -> int:
    """Print every difference; 1 if there is one."""
    lines = difference.differences(before, found)
    print(
        "\n".join(lines) or f"The feed is the same as on {before[difference.MADE_ON]['commit'][:12]}, to the last bit."
    )
    if lines:
        print(f"{len(lines)} differences. The parts stand in the order of the chain: the first is the likely cause.")
    return 1 if lines else 0


def _run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="flywheel-same-") as folder:
        return measured(Path(folder))


if __name__ == "__main__":
    sys.exit(main())
