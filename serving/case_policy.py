"""The policies that answer for a case: `Decide` gives it an action, `Say` a number; and what such a service serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from feature_repo.definition import FeatureSet
from feature_repo.request_time import Recent
from infra.errors import DefinitionError
from serving.case_parts import From, LogColumns, Lot, Queue, Verdicts
from serving.definition import Feedback, Policy, ProcessValues, RequestLimits
from serving.rules import Above, AtLeast, Below, Rule
from serving.value import Part, Value
from validation.contract import Column, Table, unknown

__all__ = [
    "DEPLOYED", "AnyPolicy", "CasePolicy", "Decide", "From", "Hold", "LogColumns", "Lot", "Queue", "Say", "ServedCases",
    "Verdicts", "asked_of", "feedback_of", "must_fit_cases",
]  # fmt: skip

NUMBERS = ("int32", "int64", "float32", "float64")
TEXT = "String"  # the type of a profile's field that is no number
CALM = RequestLimits(request_ms=100.0, score_ms=5.0, unscored_ms=50.0, refuse_ms=80.0, lowest_share=0.0)
"""What one case may cost: a payment waits for its decision."""


class Decide(Value, frozen=True, tag=True, tag_field="policy"):
    """How cases are decided: rules first, score, steps, rules last, lot, queue.

    `first` decide before the score does; the first rule that holds counts. `steps` are taken by the score. `last` may
    change any action, one after the other. What none of them decides gets the action `usual`, and so does everything
    while there is no score. `follows` gives columns of the decisions table whose value depends on the action alone.
    A key that was decided within `remember_s` gets the same answer. `name`, `log`, `follows`, `state_ms` (how long a
    case waits for its states), `remember_s` and `feedback` take effect with a deployment, all else with a release.
    """

    name: str
    steps: tuple[From, ...]
    actions: tuple[str, ...] = ("allow", "step_up", "review", "block")
    usual: str = "allow"
    first: tuple[Rule, ...] = ()
    last: tuple[Rule, ...] = ()
    queue: Queue | None = None
    lot: Lot | None = None
    log: LogColumns = LogColumns()
    follows: Mapping[str, Mapping[str, bool | float | str]] = {}
    limits: RequestLimits = CALM
    state_ms: float = 30.0
    remember_s: float = 3600.0
    feedback: Feedback = Feedback()

    def __post_init__(self) -> None:
        named = [
            ("usual", self.usual),
            *((f"rule {rule.name}", rule.then) for rule in (*self.first, *self.last)),
            *(("steps", step.action) for step in self.steps),
            *((("queue", self.queue.action), ("overflow", self.queue.overflow)) if self.queue else ()),
            *(("lot, also", action) for action in (self.lot.also if self.lot else ())),
            *((f"follows, {column}", action) for column, of in self.follows.items() for action in of),
        ]
        for word, action in named:
            if action not in self.actions:
                raise DefinitionError(f"policy {self.name}, {word}: {unknown(action, self.actions)}")
        if self.queue and self.usual == self.queue.action:
            raise DefinitionError(
                f"policy {self.name}: `{self.usual}` is the usual action and the queue's: most cases would wait for a "
                "reviewer without a place in the queue. Write another `usual`."
            )
        parts: list[Part] = [*self.first, *self.last, *self.steps]
        mistakes = [part.mistake() for part in (*parts, *filter(None, (self.queue, self.lot)))]
        if self.lot and not (self.queue and self.queue.for_lot):
            mistakes.append("Lot: cases by lot need a place in the queue: write Queue(..., for_lot=so many a day)")
        if self.lot and self.queue and self.queue.action in self.lot.also:
            mistakes.append(f"Lot: `{self.queue.action}` is looked at anyhow: leave it out of `also`")
        early = [c.of for rule in self.first for c in rule.when if c.of in {"score", "action"}]
        if early:
            mistakes.append(f"a rule in `first` reads `{early[0]}`, which is not known yet: write it in `last`")
        refuse(self.name, mistakes)


class Hold(Part, frozen=True):
    """What was last said for the same column `by` is said again unless the new number differs by more than `within`.

    A number that runs down, as minutes until an arrival do, loses one every `each_s` seconds (0: it does not).
    """

    by: str
    within: float
    each_s: float = 0.0
    remember_s: float = 28_800.0

    def mistake(self) -> str | None:
        """Numbers that hold nothing."""
        return None if self.within > 0 else f"Hold within {self.within:g}: write a number above 0, or no Hold"


class Say(Value, frozen=True, tag=True, tag_field="policy"):
    """How a number is said of each case: the release's score, or the request's column `base` where there is none.

    The number is never below `least`, and is logged in the column `value`; with a `promise`, the release's upper
    quantile is logged there. Which values take effect with a deployment is as in `Decide`, and `value` with them.
    """

    name: str
    base: str
    value: str
    promise: str = ""
    least: float = 0.0
    hold: Hold | None = None
    log: LogColumns = LogColumns()
    limits: RequestLimits = CALM
    state_ms: float = 30.0
    remember_s: float = 3600.0
    feedback: Feedback = Feedback()

    def __post_init__(self) -> None:
        refuse(self.name, [self.hold.mistake() if self.hold else None])


CasePolicy = Decide | Say
AnyPolicy = Policy | Decide | Say
DEPLOYED = ("name", "log", "follows", "state_ms", "remember_s", "feedback", "value", "promise")


def feedback_of(policy: AnyPolicy) -> Feedback:
    """Which feedback a policy accepts."""
    return policy.service.feedback if isinstance(policy, Policy) else policy.feedback


def refuse(name: str, mistakes: Sequence[str | None]) -> None:
    """Raises DefinitionError with the first mistake, if there is one."""
    for mistake in filter(None, mistakes):
        raise DefinitionError(f"policy {name}: {mistake}")


@dataclass(frozen=True, slots=True)
class ServedCases:
    """What one service of cases serves: policy, features, the table it logs and the tables it takes rows for."""

    policy: CasePolicy
    features: FeatureSet
    decisions: Table
    events: tuple[Table, ...] = ()
    process: ProcessValues = field(default_factory=ProcessValues)

    def __post_init__(self) -> None:
        if len(self.decisions.key) != 1:
            raise DefinitionError(f"table {self.decisions.name}: a case is named by one column; its key has several")
        must_fit_cases(self.policy, self)

    @property
    def key(self) -> str:
        """The column that names a case."""
        return self.decisions.key[0]

    @property
    def asked(self) -> tuple[Column, ...]:
        """The columns that a request gives."""
        return asked_of(self.decisions, self.policy)

    @property
    def derived(self) -> tuple[Column, ...]:
        """The columns that are made from those of the request."""
        return tuple(column for column in self.decisions.columns if column.derived is not None)

    @property
    def given(self) -> tuple[str, ...]:
        """The names of all that is given of a case: what a request gives, and what is made from it."""
        return tuple(column.name for column in (*self.asked, *self.derived))


def asked_of(table: Table, policy: CasePolicy) -> tuple[Column, ...]:
    """The columns of a table of decisions that a request gives: none that is made, a time of ours, or the log's."""
    own = {table.event_time, table.received_time, *logged(policy)}
    return tuple(column for column in table.columns if column.name not in own and column.derived is None)


def logged(policy: CasePolicy) -> tuple[str, ...]:
    """The columns that the log writes of itself."""
    names = [getattr(policy.log, name) for name in LogColumns.__struct_fields__]
    more = list(policy.follows) if isinstance(policy, Decide) else [policy.value, policy.promise]
    return tuple(filter(None, [*names, *more]))


def _must_log(policy: CasePolicy, served: ServedCases) -> None:
    """Raises DefinitionError when some decision's row would break the contract of the table that it is logged in."""
    log, columns = policy.log, {column.name: column for column in served.decisions.columns}
    empty = [log.score, log.threshold, log.propensity, log.release, log.features]  # of a decision without a release
    if isinstance(policy, Decide):
        words = (columns[log.action].one_of if log.action in columns else None) or policy.actions
        for action in policy.actions:
            if action not in words:
                raise DefinitionError(f"policy {policy.name}, actions: {unknown(action, words)}")
        empty += [name for name, of in policy.follows.items() if not set(policy.actions) <= of.keys()]
    else:
        empty.append(policy.promise)
    for name in empty:
        if name in columns and not columns[name].nullable:
            raise DefinitionError(
                f"policy {policy.name}: not every decision has a `{name}`: write nullable=True in table "
                f"{served.decisions.name}"
            )


def must_fit_cases(policy: CasePolicy, served: ServedCases) -> None:
    """Raises DefinitionError when the policy reads what neither a request nor a state has, or logs what no row may."""
    _must_log(policy, served)
    columns = {column.name: column for column in (*served.asked, *served.derived)}
    recent = [feature for feature in served.features.features if isinstance(feature, Recent)]
    numeric = [name for name, column in columns.items() if column.dtype in NUMBERS]
    match policy:
        case Say(base=base, hold=hold):
            needed = [("base", base, numeric), *((("hold", hold.by, list(columns)),) if hold else ())]
            needed.append(("value", policy.value, [column.name for column in served.decisions.columns]))
        case Decide():
            features = served.features
            states = [f"{v.name}.{c}" for v in features.counter_views for c in v.counters]
            states += [f"{v.name}.{f}" for v in features.profile_views for f in v.fields]
            known = [*columns, *states, "score", "action"]
            texts = {
                f"{v.name}.{f}" for v in features.profile_views for f, (kind, _) in v.fields.items() if kind == TEXT
            }
            numbers = [*numeric, *(name for name in states if name not in texts), "score"]
            rules = (*policy.first, *policy.last)
            needed = [
                (f"rule {rule.name}", c.of, numbers if isinstance(c, Above | AtLeast | Below) else known)
                for rule in rules for c in rule.when
            ]  # fmt: skip
            needed += [
                ("follows", name, [column.name for column in served.decisions.columns]) for name in policy.follows
            ]
            if policy.queue:
                needed.append(("queue", policy.queue.verdicts.table, [table.name for table in served.events]))
            parts = (("queue", policy.queue), ("lot", policy.lot))
            needed += [(word, part.amount, numeric) for word, part in parts if part and part.amount]
            own = served.policy
            if policy.queue and isinstance(own, Decide) and own.queue is None:
                raise DefinitionError(
                    f"policy {policy.name}: this service shows reviewers no queue: a first `queue` needs a deployment"
                )
    for feature in recent:
        word = f"feature {feature.name}"
        needed += [(word, feature.of, [served.decisions.name]), (word, feature.by, list(columns))]
        needed += [(word, feature.amount, numeric)] if feature.amount else []
    for word, name, there in needed:
        if name not in there:
            raise DefinitionError(f"policy {policy.name}, {word}: {unknown(name, there)}")
