"""The definition of a ranker: what a row is, what counts as success, and which contenders are compared how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from infra.errors import DefinitionError
from training.contenders import Contender
from training.objectives import Objective, Rank
from training.outcomes import Outcome as Outcome  # noqa: PLC0414  a system's definition takes its words from here
from training.outcomes import Settlement as Settlement  # noqa: PLC0414  as above
from training.outcomes import mistaken_names, not_there, too_short
from validation.contract import Table, unknown
from validation.definition import BEST_COLUMN

MOSTLY_UNKNOWN = 1 / 3
"""A feature that is unknown in this share of the rows or more is reported with a warning."""
LEAK_ROWS = 50_000
"""The leakage gate looks at so many rows, spread evenly: enough to see a leak; all rows would take minutes."""
GOLDEN_ROWS = 200
"""A release carries so many judge rows with their scores: who loads the model checks that it gives the same scores."""
GOLDEN_QUERIES, GOLDEN_NEIGHBOURS = 16, 20
"""A release with an embedding carries so many queries with so many nearest items each: a check like the golden rows."""
RECALL_USERS = 500
"""The recall of the nearest items is measured for so many of the judged users."""


@dataclass(frozen=True, slots=True)
class SliceDefinition:
    """A way to cut the judged rows: by the words of a column, or by a feature cut at `edges` into bins called `names`.

    Words are looked up among the labels' columns first, numbers among the features. A row lies in bin i when
    edges[i-1] <= value < edges[i]; rows without a value form the slice `unknown`.
    """

    name: str
    of: str
    edges: tuple[float, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.edges and len(self.names) != len(self.edges) + 1:
            raise DefinitionError(f"slice {self.name}: {len(self.edges)} edges need {len(self.edges) + 1} names")


@dataclass(frozen=True, slots=True)
class Exposure:
    """Whose share of the places is measured: `maker` names, among the labels' columns, who made an item.

    `slices` cut the judged rows into those that share: kinds of makers, of items, of users. The first `top` places of a
    page are worth something.
    """

    maker: str
    slices: tuple[SliceDefinition, ...]
    top: int = 10


@dataclass(frozen=True, slots=True)
class FrozenFeatures:
    """Features that all rows of a group are judged with as its first row with the same `keys` had them."""

    keys: tuple[str, ...]
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """Where time is cut into fit, tune and judge: at shares of the rows, or at two moments when they are given.

    fit < tune_from <= tune < judge_from <= judge. A row whose window reaches over the next cut takes no part. A model
    does not learn from the rows to judge, and after a drift the newest rows matter most: a small share is enough.
    `keep_together` is a column: rows with the same value in it get into the same part. Left out, it is the task's
    group.
    """

    fit: float = 0.7
    tune: float = 0.1
    tune_from: datetime | None = None
    judge_from: datetime | None = None
    keep_together: str | None = None


@dataclass(frozen=True, slots=True)
class FallbackLists:
    """The lists that a release carries: they are shown when nothing can be scored.

    `item` is the key of profile view `profile`; `group` a column of the labels; `fresh_by` and `attributes` are fields
    of the profile. An item's popularity is the sum of its gains, halved every `half_life`; where `user` names a column
    of the labels, of the gains of one user in a day the largest. `eligible` maps fields to the value an item must have
    to be listed.
    """

    item: str
    profile: str
    group: str
    fresh_by: str
    attributes: tuple[str, ...]
    eligible: Mapping[str, str] = field(default_factory=dict)
    half_life: timedelta = timedelta(days=1)
    size: int = 500
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Embedding:
    """How vectors of users and items are learned, for retrieval: implicit ALS on the gains of what was engaged with.

    `attributes` are fields of the item's profile view `profile`: words that describe items nobody has engaged with yet.
    `taste` is the counter `view.counter` of an asker for each word of one of them: it places users ALS has not met.
    `rank` is the length of a vector, `confidence` how much a gain of 1 outweighs not having been seen. `ridge` draws
    a word's vector to zero and `own_after` an item's own vector to its words': after so many engagements both weigh the
    same. `probes` is how many lists of the index a search looks into; `k` how many items its recall is reported for.
    """

    profile: str
    attributes: tuple[str, ...]
    taste: str
    rank: int = 32
    rounds: int = 10
    regularisation: float = 3.0
    confidence: float = 10.0
    ridge: float = 5.0
    own_after: float = 20.0
    probes: int = 48
    k: int = 500


@dataclass(frozen=True, slots=True)
class Between:
    """The values that a setting may take in a search, both ends included; `log`: tried evenly in the logarithm."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise DefinitionError(f"search: from {self.low} to {self.high} there is nothing to try; give low < high")


@dataclass(frozen=True, slots=True)
class Search:
    """A search for better settings: of which contender, within which space, and its budget.

    `trials` are tried beside the settings of the definition, each fitted on at most about `most_rows` rows.
    """

    contender: str
    space: Mapping[str, Between]
    trials: int = 20
    most_rows: int = 60_000


@dataclass(frozen=True, slots=True)
class Task:
    """What one system decides and learns: the decisions, what follows them, and the contenders to decide.

    `decisions` and `outcomes_in` are tables; outcomes may name other tables. An outcome row belongs to the latest row
    shown before it that agrees in `match`, and in `exact` too where the outcome row has it. An outcome that takes time,
    such as a watch, is known once it has ended: `longest` is how long one may take, and `grace` how long it may still
    travel. What comes later than all of these makes a new version of the label. Where every outcome that counts is
    settled (`Outcome.settled_by`) the row is mature at once: its label is `early` until its window has closed.
    `target` is the outcome a model predicts; models of the outcomes in `also` are trained and reported, too. `unit` is
    what is decided at once, such as a page, `cluster` whose rows count together in GAUC and in every interval, `item`
    what was shown, `attribute` what lists vary in.
    `place` and `propensity` are columns of the shown rows: the place on the page, and the chance with which the item
    was shown there. Rankers are valued off-policy where both are named.
    `fit_where` and `judge_where` (Spark SQL over the labels' columns and those of the decisions) say which rows take
    part, `weight` for how many decisions a row stands: 1 / the probability that its label is known so early. A row
    without a weight above 0 takes no part. docs/labels.md says what they are where labels come early.
    `logged_only` names context features that are in the log but not in a request to rank, such as the place in the
    list: models learn from them and are judged with their neutral values.
    `frozen` is for groups that last longer than a page, such as all rows of a user. Features of the user would tell in
    the later rows how the earlier ones ended: a ranker by the user's own rate, lowest first, would win by that alone.
    `contenders` are in order, simplest first: the first that is not clearly worse in `decides_by`, by default the merit
    of the `objective`, wins. The best single
    column is one of them in every run, after the named columns.
    `embedding` is absent where nothing is retrieved by nearness, `search` where settings are not searched.
    A model learns from what was shown on the last `history_days`; how long counters count is the features' `ttl`.
    """

    name: str
    decisions: str
    outcomes_in: str
    match: tuple[str, ...]
    exact: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    target: str
    unit: str
    cluster: str
    contenders: tuple[Contender, ...]
    objective: Objective = field(default_factory=Rank)
    item: str = ""
    attribute: str = ""
    fallback_lists: FallbackLists | None = None
    embedding: Embedding | None = None
    also: tuple[str, ...] = ()
    longest: timedelta = timedelta(0)
    grace: timedelta = timedelta(minutes=10)
    logged_only: tuple[str, ...] = ()
    fit_where: str = "true"
    judge_where: str = "true"
    weight: str = ""
    place: str = ""
    propensity: str = ""
    slices: tuple[SliceDefinition, ...] = ()
    exposure: Exposure | None = None
    frozen: tuple[FrozenFeatures, ...] = ()
    split: Split = field(default_factory=Split)
    decides_by: str = ""
    draws: int = 200
    seed: int = 0
    history_days: int = 28
    search: Search | None = None

    def __post_init__(self) -> None:
        if not self.decides_by:
            object.__setattr__(self, "decides_by", self.objective.merit)
        names = [o.name for o in self.outcomes]
        for target in (self.target, *self.also):
            if target not in names:
                raise DefinitionError(f"task {self.name}: target {unknown(target, names)}")
        if len({c.name for c in self.contenders}) != len(self.contenders):
            raise DefinitionError(f"task {self.name}: two contenders bear the same name")
        if BEST_COLUMN in {c.name for c in self.contenders}:
            raise DefinitionError(
                f"task {self.name}: `{BEST_COLUMN}` is the contender that every run adds by itself; rename yours"
            )
        for mistake in mistaken_names(self.outcomes):
            raise DefinitionError(f"task {self.name}: {mistake}")
        self.check_history(self.history_days)

    @property
    def window(self) -> timedelta:
        """The longest window of any outcome."""
        return max(o.window for o in self.outcomes)

    @property
    def maturity(self) -> timedelta:
        """How long after it was shown a row is mature: the window, the longest outcome and the grace have passed."""
        return self.window + self.longest + self.grace

    @property
    def outcome_tables(self) -> tuple[str, ...]:
        """Every table that outcomes or what settles them come from, the default one first."""
        settling = (o.settled_by.table for o in self.outcomes if o.settled_by)
        return tuple(dict.fromkeys((self.outcomes_in, *map(self.table_of, self.outcomes), *settling)))

    def table_of(self, outcome: Outcome) -> str:
        """The table of an outcome."""
        return outcome.table or self.outcomes_in

    @property
    def settling(self) -> tuple[Outcome, ...]:
        """The outcomes whose settlement makes a row mature early: all that count; none where one of them never is."""
        counting = tuple(o for o in self.outcomes if o.name in self.targets or o.counts)
        return counting if all(o.settled_by for o in counting) else ()

    @property
    def numbers(self) -> frozenset[str]:
        """The outcomes that are numbers: null where nothing came."""
        return frozenset(o.name for o in self.outcomes if o.of)

    def mean_of(self, outcome: str) -> str:
        """What the mean of an outcome's column is called."""
        return "mean" if outcome in self.numbers else "share"

    def check_history(self, days: int) -> None:
        """Raise DefinitionError where a model that learns from so many days would find no mature row in them."""
        if not self.settling and timedelta(days=days) < self.maturity:
            parts = f"window {self.window}, longest {self.longest}, grace {self.grace}"
            raise DefinitionError(f"task {self.name}: {too_short(days, self.maturity, parts)}")

    def check_tables(self, tables: Mapping[str, Table]) -> None:
        """Raise DefinitionError for a table that is not there."""
        for mistake in not_there(self.decisions, self.outcomes_in, self.outcomes, tables):
            raise DefinitionError(f"task {self.name}: {mistake}")

    def matures(self, day: date) -> datetime:
        """When the last row of a day is mature: nothing is evaluated on the day before that."""
        return datetime.combine(day + timedelta(days=1), time.min, UTC) + self.maturity

    def contender(self, name: str) -> Contender:
        """The definition of a contender; raises DefinitionError where there is none of that name."""
        by_name = {contender.name: contender for contender in self.contenders}
        if name not in by_name:
            raise DefinitionError(f"task {self.name}: contender {unknown(name, by_name)}")
        return by_name[name]

    @property
    def values(self) -> dict[str, float]:
        """The outcomes that have a value, with it."""
        return {o.name: o.value for o in self.outcomes if o.value}

    @property
    def targets(self) -> tuple[str, ...]:
        """The main target and the others that are trained."""
        return (self.target, *self.also)
