"""What an expression of Prometheus asks for: every metric, with the labels that are asked of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import promql_parser as promql

from infra.alert_rules import rules
from orchestration.exporter import FAMILIES
from serving import metrics

OF_GRAFANA = {"$__rate_interval": "5m", "$system": ".*"}
ADDED = {"system", "job", "instance"}  # by whoever scrapes
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}


@dataclass(frozen=True)
class Asked:
    """One metric that is asked for, and the labels by which it is chosen."""

    metric: str
    labels: frozenset[str]


def parsed(expression: str) -> promql.Expr:
    """The expression, parsed; raises ValueError for what is none. Grafana's own variables get a value first."""
    for variable, value in OF_GRAFANA.items():
        expression = expression.replace(variable, value)
    return promql.parse(expression)


def asked(expression: str) -> set[Asked]:
    """Every metric that an expression asks for."""
    return set(_selectors(parsed(expression)))


def _selectors(part: object) -> Iterator[Asked]:
    match part:
        case promql.VectorSelector():
            yield Asked(part.name or "", frozenset(matcher.name for matcher in part.matchers.matchers))
        case promql.MatrixSelector():
            yield from _selectors(part.vector_selector)
        case promql.Call():
            for argument in part.args:
                yield from _selectors(argument)
        case promql.BinaryExpr():
            yield from _selectors(part.lhs)
            yield from _selectors(part.rhs)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from _selectors(part.expr)
        case promql.NumberLiteral() | promql.StringLiteral():
            return
        case _:
            raise TypeError(f"{part}: what does it ask for?")


def grouped_by(expression: str) -> set[str]:
    """The labels by which an expression groups."""
    labels: set[str] = set()

    def visit(part: object) -> None:
        if isinstance(part, promql.AggregateExpr) and part.modifier is not None:
            labels.update(part.modifier.labels)

    promql.walk(parsed(expression), visit, None)
    return labels


def known() -> Mapping[str, frozenset[str]]:
    """Every metric there is → the labels it has: of the service, of the jobs, of the recorded rules."""
    served = {
        family.name + part: frozenset(_labels(family.name))
        for family in metrics.REGISTRY.collect()
        for part in PARTS[family.type]
    }
    jobs = {family.name: frozenset(label.name for label in family.labels) for family in FAMILIES}
    recorded = {rule["record"]: frozenset[str]() for rule in rules() if "record" in rule}
    return {**served, **jobs, **recorded, "up": frozenset()}


def _labels(name: str) -> tuple[str, ...]:
    (collector,) = {c for c, names in metrics.REGISTRY._collector_to_names.items() if name in names}
    return (*collector._labelnames, "le")  # type: ignore[attr-defined]


def faults(expression: str) -> list[str]:
    """What is wrong with an expression: metrics that nobody has, and labels that a metric does not have."""
    there = known()
    missing = [f"nobody has the metric {a.metric}" for a in asked(expression) if a.metric not in there]
    metrics_asked = [a for a in asked(expression) if a.metric in there]
    has = ADDED.union(*(there[a.metric] for a in metrics_asked))
    wrong = [f"{a.metric} has no label {x}" for a in metrics_asked for x in a.labels - there[a.metric] - ADDED]
    return sorted(missing + wrong + [f"nothing here has the label {x}" for x in grouped_by(expression) - has])
