"""The texts of `task.py`, `serving.py`, `watch.py` and `system.py`: learned, answered, watched, put together."""

from orchestration.scaffolding.code import call, names, rendered, text, tuple_of
from orchestration.scaffolding.lengths import as_code
from orchestration.scaffolding.sketch import Sketch

TASK = '''"""What is decided, what may follow, and which contenders learn to tell it before.

{objective_words}
"""

from datetime import timedelta

from training.contenders import Boosted, ByColumn, Linear
from training.definition import Outcome, Task
from training.objectives import {objective_name}

TASK = Task(
    name="{name}",
    decisions="{decisions}",
    outcomes_in="{outcomes}",
    match=("{key}",),
    exact=(),
    outcomes={outcome},
    target="{target}",
    objective={objective},
    unit="{key}",
    cluster="{cluster}",  # whose rows are no independent evidence: intervals draw these
    contenders=(  # simplest first: a later one has to be clearly better
        ByColumn("base_rate", "{base}"{probability}),
        Linear({linear}),
        Boosted(params={{"eta": 0.1, "max_depth": 4, "min_child_weight": 10}}, max_trees=200),
    ),
    history_days={history_days},
)
'''
POLICY = '''"""How {name} answers requests. Where it says None nothing is served: models are trained and judged.

docs/systems.md of Flywheel shows what a policy may say.
"""

from serving.definition import Policy

POLICY: Policy | None = None
'''
WATCH = '''"""What is watched of {name}: the features whose drift may cause a retraining."""

from monitoring.definition import Watch

WATCH = Watch(
    critical={critical},  # rates should be steady; counts follow traffic
)
'''
SYSTEM = '''"""{name}: its definitions from every stage, in one value."""

from orchestration.system import System

from {name}.features import FEATURES
from {name}.serving import POLICY
from {name}.tables import LIMITS, TABLES
from {name}.task import TASK
from {name}.watch import WATCH

SYSTEM = System(
    name="{name}",
    tables=TABLES,
    features=FEATURES,
    task=TASK,
    limits=LIMITS,
    policy=POLICY,
    watch=WATCH,
)
'''


def task_text(sketch: Sketch) -> str:
    """The whole of `task.py`."""
    return TASK.format(
        name=sketch.name,
        objective_words=objective_words(sketch),
        objective_name="Classify" if sketch.classifies else "Regress",
        objective="Classify()" if sketch.classifies else "Regress()",
        decisions=sketch.decisions,
        outcomes=sketch.outcomes,
        key=sketch.key,
        outcome=_outcome(sketch),
        target=sketch.target.name,
        cluster=sketch.cluster,
        base=base_feature(sketch),
        probability=", probability=True" if sketch.counted else "",
        linear="" if sketch.classifies else '"linear"',
        history_days=sketch.history_days,
    )


def objective_words(sketch: Sketch) -> str:
    """What the objective means, in words."""
    if sketch.classifies:
        return (
            f"Whether `{sketch.target.name}` will be: {sketch.share:.1%} were. "
            "`Classify(costs=Costs(missed=…, friction=…))` says\nwhat a missed case and a needless action cost; while "
            "nothing is said, both cost 1."
        )
    return (
        f"How much `{sketch.target.name}` will be: {sketch.share:,.4g} on average. `Regress(base=…)` names a feature "
        "that\nalready is a prediction, if there is one: a model then learns what it is off by."
    )


def base_feature(sketch: Sketch) -> str:
    """The column that everybody would use: how the fewest and so best known entities ended before."""
    if not sketch.entities:
        return sketch.numbers[0].name if sketch.numbers else "hour"
    return sketch.rate(min(sketch.entities, key=lambda column: column.distinct).name)


def policy_text(sketch: Sketch) -> str:
    """The whole of `serving.py`."""
    return POLICY.format(name=sketch.name)


def watch_text(sketch: Sketch) -> str:
    """The whole of `watch.py`."""
    return WATCH.format(name=sketch.name, critical=rendered(names(map(sketch.rate, sketch.counted)), 4, 60))


def system_text(sketch: Sketch) -> str:
    """The whole of `system.py`."""
    return SYSTEM.format(name=sketch.name)


def _outcome(sketch: Sketch) -> str:
    target = sketch.target.name
    where = sketch.is_positive if sketch.classifies else f"{target} IS NOT NULL"
    how = ["gain=1.0"] if sketch.classifies else [f"of={text(target)}", 'how="last"']
    window = f"window={as_code(sketch.window)}"
    outcome = call("Outcome", text(target), text(where), text(f"`{sketch.target.source}` of the files"), *how, window)
    return rendered(tuple_of([outcome]), 4, 10)
