"""The texts of `task.py`, `watch.py` and `system.py`: what is learned, watched, and put together."""

from math import log1p

from feature_repo.definition import TTL
from orchestration.ages import Ages
from orchestration.scaffolding.code import Code, call, names, number, rendered, text, tuple_of
from orchestration.scaffolding.lengths import as_code
from orchestration.scaffolding.sketch import Sketch, short

SLICES, FEW = 2, 3
"""So many slices are written; an entity of so few decisions is new."""

TASK = '''"""What is decided, what may follow, and which contenders learn to tell it before.

{objective_words}
"""

from datetime import timedelta

from training.contenders import Boosted, ByColumn, Linear
from training.definition import Outcome, SliceDefinition{split_word}, Task
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
        ByColumn("second_column", "{second}"{second_probability}),
        Linear({linear}),
        Boosted(params={{"eta": 0.1, "max_depth": 4, "min_child_weight": 10}}, max_trees=200),
    ),
    history_days={history_days},{split}
    # In none of the slices may a release be clearly worse than the one before.
    slices={slices},
)
'''
SPLIT = """
    split=Split(fit={}, tune={}),  # each part has to last longer than outcomes take"""
WATCH = '''"""What is watched of {name}: the features whose drift may cause a retraining."""

from monitoring.definition import Watch

WATCH = Watch(
    critical={critical},  # rates should be steady; counts follow traffic
)
'''
SYSTEM = '''"""{name}: its definitions from every stage, in one value."""

{ages_import}from orchestration.system import System

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
    watch=WATCH,{ages}
)
'''


def task_text(sketch: Sketch) -> str:
    """The whole of `task.py`."""
    return TASK.format(
        name=sketch.name,
        objective_words=objective_words(sketch),
        objective_name="Classify, Costs" if sketch.classifies else "Regress",
        objective=_objective(sketch),
        decisions=sketch.decisions,
        outcomes=sketch.outcomes,
        key=sketch.key,
        outcome=_outcome(sketch),
        target=sketch.target.name,
        cluster=sketch.cluster,
        base=base_feature(sketch),
        second=second_feature(sketch),
        second_probability=", probability=True" if second_feature(sketch) in map(sketch.rate, sketch.counted) else "",
        probability=", probability=True" if sketch.counted else "",
        linear="" if sketch.classifies else '"linear"',
        history_days=sketch.history_days,
        slices=_slices(sketch),
        split="" if sketch.split == (0.7, 0.1) else SPLIT.format(*sketch.split),
        split_word=", Split" if sketch.split != (0.7, 0.1) else "",
    )


def objective_words(sketch: Sketch) -> str:
    """What the objective means, in words."""
    if sketch.classifies:
        return (
            f"Whether `{sketch.target.name}` will be: {sketch.share:.1%} were. "
            "Costs are a first guess: a missed case\ncosts 1, a needless action the odds of one, so that acting pays "
            "above the average chance. Say what they are."
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


def second_feature(sketch: Sketch) -> str:
    """Another column that might do without a model: the same of another entity, or a number of the decision."""
    others = [*(sketch.rate(c) for c in sketch.counted), *(c.name for c in sketch.numbers), "hour"]
    return next(name for name in others if name != base_feature(sketch))


def _objective(sketch: Sketch) -> str:
    if not sketch.classifies:
        return "Regress()"
    odds = max(sketch.share, 0.001) / max(1 - sketch.share, 0.001)
    return f"Classify(Costs(missed=1.0, friction={number(odds)}))"


def _slices(sketch: Sketch) -> str:
    """Parts of the decisions in which no release may be worse: by words, by a number, or by how much is known."""
    parts: list[Code] = [call("SliceDefinition", text(c.name), text(c.name)) for c in sketch.codes[:SLICES]]
    for column in sketch.numbers[:SLICES]:
        if column.low is not None and column.middle is not None and column.low < column.middle:
            cut = tuple_of([number(column.middle)])
            parts.append(call("SliceDefinition", text(column.name), text(column.name), cut, names(("low", "high"))))
    if not parts and sketch.entities:
        feature = f"{short(sketch.entities[0].name)}_decided_{sketch.half_lives[-1]}"
        cut = tuple_of([number(log1p(FEW))])
        parts.append(call("SliceDefinition", '"activity"', text(feature), cut, names(("new", "known"))))
    return rendered(tuple_of(parts[:SLICES]), 4, 8)


def watch_text(sketch: Sketch) -> str:
    """The whole of `watch.py`."""
    return WATCH.format(name=sketch.name, critical=rendered(names(map(sketch.rate, sketch.counted)), 4, 60))


def system_text(sketch: Sketch) -> str:
    """The whole of `system.py`."""
    ages = _ages(sketch)
    line = f"\n    ages={rendered(call('Ages', *ages), 4, 1)},  # long enough for the days that a model learns from"
    ages_import = "from orchestration.ages import Ages\n" if ages else ""
    return SYSTEM.format(name=sketch.name, ages=line if ages else "", ages_import=ages_import)


def _ages(sketch: Sketch) -> list[str]:
    """How long data is kept, where a model needs it longer than is usual."""
    learned, opened = sketch.history_days + sketch.window.days + 1, sketch.history_days + TTL.days
    needed = {"events": learned, "superseded": learned, "labels": learned, "training_sets": learned, "states": opened}
    usual = Ages()
    return [f"{name}={days}" for name, days in needed.items() if days > getattr(usual, name)]


def _outcome(sketch: Sketch) -> str:
    target = sketch.target.name
    where = sketch.is_positive if sketch.classifies else f"{target} IS NOT NULL"
    how = ["gain=1.0"] if sketch.classifies else [f"of={text(target)}", 'how="last"']
    window = f"window={as_code(sketch.window)}"
    outcome = call("Outcome", text(target), text(where), text(f"`{sketch.target.source}` of the files"), *how, window)
    return rendered(tuple_of([outcome]), 4, 10)
