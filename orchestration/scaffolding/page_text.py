"""The texts of the page of a system, and of a test to start from."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from orchestration.scaffolding.events_text import deliveries
from orchestration.scaffolding.lengths import in_words
from orchestration.scaffolding.sketch import Sketch, seen_words
from orchestration.scaffolding.task_text import base_feature, objective_words

PAGE = """# {name}

Written by `flywheel new {name}`. All of it is a first guess: what it says is yours to correct.

## 1. What is required

Say who decides what with the answer, within what time, and what a wrong answer costs.

## 2. The problem

- A decision is one row of `{decisions}`, named by `{key}`, made at `{at}`.
- {objective}
- An outcome is known {known}. Until then a decision has no label.
- Evidence is counted by `{cluster}`: rows of one are not independent.

## 3. Data and features

| column of `{decisions}` | type | seen |
| --- | --- | --- |
{columns}

[tables.py](tables.py) says what a row has to look like, [events.py](events.py) which column of the files becomes which,
[features.py](features.py) what a model reads. Counters are kept of: {entities}.
{left_out}
## 4. The model

The base is `{base}`; a linear model has to beat it, and boosted trees have to beat that ([task.py](task.py)).

## 5. Serving

{served}

## 6. Watching

[watch.py](watch.py) names the features whose drift may cause a retraining.

## What was guessed

| what | guess | say otherwise |
| --- | --- | --- |
{notes}

After a correction, run `flywheel new` again under another name, or edit the files: nothing reads this page.

## Commands

```sh
{commands}
```
"""
SERVED = """\
From the release's operating point on a decision is acted on ([serving.py](serving.py)). `flywheel up` starts the
service, `flywheel decide` asks it."""
NOT_SERVED = "Nothing is served until [serving.py](serving.py) says how."
TEST = '''"""What must stay true of {name}: it can be put together, and no outcome stands in a decision."""

from {name}.events import SOURCES
from {name}.system import SYSTEM


def test_the_definitions_belong_together() -> None:
    assert SYSTEM.task.decisions in {{table.name for table in SYSTEM.tables}}
    assert {{source.table.name for source in SOURCES}} == {{table.name for table in SYSTEM.tables}}


def test_every_column_of_a_table_is_filled_from_the_files() -> None:
    for source in SOURCES:
        needed = {{column.name for column in source.table.columns if not column.nullable}}
        assert needed <= set(source.columns) <= {{column.name for column in source.table.columns}}, source.table.name


def test_a_decision_does_not_hold_its_own_outcome() -> None:
    decided = next(table for table in SYSTEM.tables if table.name == SYSTEM.task.decisions)
    assert SYSTEM.task.target not in {{column.name for column in decided.columns}}
'''


def page_text(sketch: Sketch, commands: Sequence[str]) -> str:
    """The whole page."""
    choices = sketch.choices
    rows = [f"| `{c.name}` | {c.kind} | {seen_words(c) or 'names each row'} |" for c in sketch.given]
    late = choices.label_time
    without = [f"`{c.source}` ({'holds nothing' if c.kind == 'nothing' else 'a list'})" for c in sketch.left_out]
    left_out = f"\nNothing is made of {', '.join(without)}.\n" if without else ""
    left_out += "".join(f"\nNot used: {each}.\n" for each in sketch.unused)
    return PAGE.format(
        name=sketch.name,
        decisions=sketch.decisions,
        key=sketch.key,
        at=choices.event_time.name,
        objective=objective_words(sketch).replace("\n", " "),
        known=f"when `{late.source}` says so" if late else f"{in_words(choices.label_delay)} after the decision",
        cluster=sketch.cluster,
        columns="\n".join(rows),
        entities=", ".join(f"`{c.name}`" for c in sketch.entities) or "nothing, since no value comes again",
        left_out=left_out,
        base=base_feature(sketch),
        notes="\n".join(f"| {what} | {guess} | `{flag}` |" for what, guess, flag in choices.notes),
        served=SERVED if sketch.classifies else NOT_SERVED,
        commands="\n".join(commands),
    )


def test_text(sketch: Sketch) -> str:
    """The whole test."""
    return TEST.format(name=sketch.name)


def next_commands(sketch: Sketch, folder: str, flywheel: str, python: str) -> list[str]:
    """The commands that come next, in order."""
    of = f"--system {sketch.name}"
    first, last = sketch.first_moment.date(), (sketch.last_moment + sketch.window).date()
    trained = [
        f"{python} -m {sketch.name}.events {shlex.quote(folder)}",
        f"{flywheel} ingest {deliveries(sketch.name)} --history {of}",
        f"{flywheel} run daily --day {first} --until {last} {of}",
    ]
    asked = shlex.quote(json.dumps(one_case(sketch), ensure_ascii=False))
    return [*trained, f"{flywheel} up {of}", f"{flywheel} decide {of} {asked}"] if sketch.classifies else trained


def one_case(sketch: Sketch) -> dict[str, Any]:
    """The last decision of the files, as a request says it."""
    texts = sketch.choices.table.texts
    case: dict[str, Any] = {sketch.key: "another"}
    for column in sketch.given:
        value = texts[column.name].dropna().iloc[-1]
        if column.kind == "moment":
            case[column.name] = sketch.choices.table.moments(column).dropna().iloc[-1].isoformat()
        elif column.kind == "text":
            case[column.name] = value
        else:
            case[column.name] = float(value) if column.kind == "number" else json.loads(str(value).lower())
    return case
