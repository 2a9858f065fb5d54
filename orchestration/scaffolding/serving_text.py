"""The text of `serving.py`: a first policy for cases; numbers are served where somebody names a base."""

from orchestration.scaffolding.code import Code, after, call, rendered, text, tuple_of
from orchestration.scaffolding.naming import free
from orchestration.scaffolding.sketch import Sketch

LOGGED = (
    ("action", "string", "what was decided"),
    ("score", "float32", "the score by which it was decided"),
    ("threshold", "float32", "the score from which it would be acted on"),
    ("release", "string", "which release decided"),
    ("served_by", "string", "which rung answered"),
    ("variant", "string", "which variant of releases it was drawn for"),
    ("served_features", "floats", "the features as they were served"),
)
"""What a service logs with each decision; files of the past have none of it."""
DECIDES = '''"""How {name} answers: from the release's operating point on it is acted on, below it is let be.

`flywheel up` starts the service of it, `flywheel decide --system {name} '{{…}}'` asks it. Say what acting is: name the
actions, add rules that come first or last, a queue for people. docs/decide.md of Flywheel says each.
"""

from serving.case_policy import {words}

from {name}.features import FEATURES
from {name}.tables import {tables}

{policy}
SERVED = ServedCases(POLICY, FEATURES, {decisions}, ({outcomes},))
'''
NOTHING = '''"""How {name} answers requests: it does not yet. Its models are trained and judged.

A number is served by `Say`, which needs a column of the request that is said where no model answers (`base`), and a
column of the decisions that keeps what was said (`value`). docs/decide.md of Flywheel says both.
"""

from serving.case_policy import AnyPolicy

POLICY: AnyPolicy | None = None
'''


def serving_text(sketch: Sketch) -> str:
    """The whole file."""
    if not sketch.classifies:
        return NOTHING.format(name=sketch.name)
    decisions, outcomes = sketch.decisions.upper(), sketch.outcomes.upper()
    renamed = {word: name for word, name in log_names(sketch).items() if word != name}
    policy = call(
        "POLICY = Decide",
        f"name={text(sketch.name)}",
        'actions=("let_be", "act")',
        'usual="let_be"',
        after("steps=", tuple_of(['From("act", times=1.0)'])),
        _log(renamed) if renamed else "",
    )
    words = ("Decide", "From", *(("LogColumns",) if renamed else ()), "ServedCases")
    return DECIDES.format(
        name=sketch.name,
        words=", ".join(words),
        tables=", ".join(sorted((decisions, outcomes))),
        policy=rendered(policy),
        decisions=decisions,
        outcomes=outcomes,
    )


def log_names(sketch: Sketch) -> dict[str, str]:
    """What the table of decisions calls what is logged: another name where the files have a column of that name."""
    own = [column.name for column in sketch.choices.table.columns]
    return {word: free(word, own) for word, _, _ in LOGGED}


def log_columns(sketch: Sketch) -> list[Code]:
    """The columns of the table of decisions for what is logged, where anything is served."""
    if not sketch.classifies:
        return []
    names = log_names(sketch)
    more = ("nullable=True", "max_null=1.0")
    return [
        call("Column", text(names[word]), text(dtype), text(f"{meaning}; null in your files"), *more)
        for word, dtype, meaning in LOGGED
    ]


def _log(renamed: dict[str, str]) -> Code:
    fields = {"served_features": "features"}
    return call("log=LogColumns", *(f"{fields.get(word, word)}={text(name)}" for word, name in renamed.items()))
