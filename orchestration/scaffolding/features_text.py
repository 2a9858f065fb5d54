"""The text of `features.py`: counters of each entity, and what is known of the decision itself."""

import re
from collections.abc import Iterator

from orchestration.scaffolding.beside import Described
from orchestration.scaffolding.code import Code, after, call, mapping, names, number, rendered, text, tuple_of
from orchestration.scaffolding.looking import ColumnSeen
from orchestration.scaffolding.sketch import NUMBERS, Sketch, short

HEAD = '''"""What a model of {name} reads: decayed counters of each entity, and what is known when it is decided.

A counter counts what was received before the decision, never after: outcomes count from when they were known.
"""

{imports}

'''


def features_text(sketch: Sketch) -> str:
    """The whole file."""
    parts = [
        after("ENTITIES = ", mapping(_entities(sketch))),
        after("LOOKUPS = ", tuple_of(_lookups(sketch))),
        after("SIGNALS = ", tuple_of(_signals(sketch))),
        after("COUNTER_VIEWS = ", tuple_of(_view(sketch, entity) for entity in sketch.counted)),
        after("PROFILE_VIEWS = ", tuple_of(_profile(each) for each in sketch.described)),
        _set(sketch),
    ]
    body = "\n\n".join(map(rendered, parts)) + "\n"
    return HEAD.format(name=sketch.name, imports="\n".join(_imports(body))) + body


def _imports(body: str) -> Iterator[str]:
    defined = ("RATE_STRENGTH", "CounterView", "FeatureSet", "Lookup", "ProfileView", "Signal")
    kinds = ("Age", "Code", "Context", "Count", "Hour", "Number", "Rate")
    used = set(re.findall(r"\w+(?=[(])|RATE_STRENGTH", body))
    yield f"from feature_repo.definition import {', '.join(word for word in defined if word in used)}"
    yield f"from feature_repo.request_time import {', '.join(word for word in kinds if word in used)}"


def _entities(sketch: Sketch) -> Iterator[tuple[str, Code]]:
    for column in sketch.entities:
        yield column.name, text(f"a value of `{column.source}`")
    for name, (each, column) in sketch.lent.items():
        yield name, text(f"a value of `{column.source}` of {each.table.name}")


def _lookups(sketch: Sketch) -> Iterator[Code]:
    for each in sketch.described:
        pairs = [(name, text(column.name)) for name, (of, column) in sketch.lent.items() if of is each]
        if pairs:
            yield call("Lookup", text(each.table.name), text(each.entity), mapping(pairs))


def _signals(sketch: Sketch) -> Iterator[Code]:
    target, outcomes = sketch.target.name, sketch.outcomes
    yield _signal("decided", sketch.decisions, "a decision was made")
    for column in sketch.numbers[:NUMBERS]:
        name, where = f"{column.name}_sum", f"{column.name} IS NOT NULL"
        yield _signal(name, sketch.decisions, f"{column.name} of decisions", where, column.name)
    yield _signal("known", outcomes, "an outcome came to be known")
    if sketch.classifies:
        yield _signal(target, outcomes, "the outcome was positive", sketch.is_positive)
    else:
        yield _signal(target, outcomes, f"{target} of outcomes", f"{target} IS NOT NULL", target)
    for each in sketch.happened:
        yield _signal(_event_signal(each.table.name), each.table.name, "it happened")


def _signal(name: str, table: str, meaning: str, where: str = "", weight: str = "") -> Code:
    more = (f"where={text(where)}" if where else "", f"weight={text(weight)}" if weight else "")
    return call("Signal", text(name), text(table), text(meaning), *more)


def _event_signal(table: str) -> str:
    return f"{table}_happened"


def _view(sketch: Sketch, entity: str) -> Code:
    lasting = (sketch.half_life,)
    counts = {"decided": sketch.half_lives}
    counts |= {f"{column.name}_sum": lasting for column in sketch.usual_of(entity)}
    counts |= {"known": lasting, sketch.target.name: lasting}
    counts |= {_event_signal(h.table.name): sketch.half_lives for h in sketch.happened if entity in h.entities}
    meaning = text(f"what was decided, and how it ended, by {entity}")
    pairs = [(signal, names(labels)) for signal, labels in counts.items()]
    return call("CounterView", text(f"by_{short(entity)}"), names([entity]), mapping(pairs), meaning)


def _profile(each: Described) -> Code:
    pairs = [(column.name, field) for column in each.attributes if (field := _field(column))]
    meaning = text(f"what is known of a {short(each.entity)}")
    name = text(f"{each.table.name}_profile")
    return call("ProfileView", name, text(each.table.name), names([each.entity]), mapping(pairs), meaning)


def _field(column: ColumnSeen) -> Code:
    kinds = {"whole": "Float32", "number": "Float32", "moment": "Int64", "text": "String"}
    sql = f"unix_seconds({column.name})" if column.kind == "moment" else column.name
    return names([kinds[column.kind], sql]) if column.kind in kinds else ""


def _set(sketch: Sketch) -> Code:
    return call(
        "FEATURES = FeatureSet",
        f"name={text(sketch.name)}",
        "version=1",
        'owner="say who answers for it"',
        "entities=ENTITIES",
        "lookups=LOOKUPS",
        "signals=SIGNALS",
        "counter_views=COUNTER_VIEWS",
        "profile_views=PROFILE_VIEWS",
        after("features=", tuple_of(_features(sketch))),
    )


def _features(sketch: Sketch) -> Iterator[Code]:
    for entity in sketch.counted:
        yield from _of_entity(sketch, entity)
    for each in sketch.described:
        yield from _of_description(each)
    for column in sketch.numbers:
        yield call("Context", text(column.name), f"neutral={number(column.middle or 0.0)}")
    for column in sketch.codes:
        yield call("Code", text(column.name), names(column.words))
    yield 'Hour("hour")'


def _of_entity(sketch: Sketch, entity: str) -> Iterator[Code]:
    view, who, life = f"by_{short(entity)}", short(entity), sketch.half_life
    for label in sketch.half_lives:
        yield call("Count", text(f"{who}_decided_{label}"), text(f"{view}.decided_{label}"))
    for column in sketch.usual_of(entity):
        of = f"{view}.{column.name}_sum_{life}"
        yield _rate(f"{who}_usual_{column.name}", of, f"{view}.decided_{life}", column.middle or 0.0)
    yield _rate(sketch.rate(entity), f"{view}.{sketch.target.name}_{life}", f"{view}.known_{life}", sketch.share)
    for each in sketch.happened:
        if entity in each.entities:
            signal = _event_signal(each.table.name)
            for label in sketch.half_lives:
                yield call("Count", text(f"{who}_{signal}_{label}"), text(f"{view}.{signal}_{label}"))


def _rate(name: str, of: str, per: str, prior: float) -> Code:
    return call("Rate", text(name), text(of), text(per), number(prior), "RATE_STRENGTH")


def _of_description(each: Described) -> Iterator[Code]:
    of, who = f"{each.table.name}_profile", short(each.entity)
    for column in each.attributes:
        if column.numeric and not column.id_like and (column.low or 0.0) >= 0 and column.distinct > 1:
            yield call("Number", text(f"{who}_{column.name}"), text(f"{of}.{column.name}"))
        elif column.kind == "moment":
            yield call("Age", text(f"{who}_{column.name}_age"), text(f"{of}.{column.name}"))
