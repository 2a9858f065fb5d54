"""The words a ranking policy is written in: what a page looks like, what an answer may cost, and the policy itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feature_repo.definition import FeatureSet
from infra.errors import DefinitionError
from serving.filters import AtMost, Filter, NotBlocked, OneOf, Reaches
from serving.sources import Liked, Rare, Source, Trending
from serving.value import Value
from validation.contract import Table, unknown


class Diversity(Value, frozen=True, tag=True):
    """Each place goes to the item whose score, less its likeness to the items above it, is highest (MMR).

    Scores of the best `depth` candidates are spread over 0 to 1; an item exactly like one above it loses `weight`.
    Likeness is the cosine of the items' embeddings. Without embeddings the step changes nothing.
    """

    weight: float
    depth: int


class Caps(Value, frozen=True, tag=True):
    """At most so many items with the same value of each field in one answer, as long as enough others are left."""

    most: Mapping[str, int]


class FreshSlots(Value, frozen=True, tag=True):
    """At least `places` of every `of` places of an answer are for items younger than `within_s`."""

    places: int
    of: int
    within_s: float


class Exploration(Value, frozen=True, tag=True):
    """A `share` of the places is given by lot to candidates whose counter `exposure` is under `below`.

    The counter is taken as it was published: decay could only lower it. Places and items are drawn evenly, so that the
    chance with which each item came to its place is known and logged.
    """

    share: float
    exposure: str
    below: float


Step = Diversity | Caps | FreshSlots | Exploration


class RequestLimits(Value, frozen=True):
    """What one page may cost, in milliseconds, and what becomes of requests that cannot be answered in time.

    `request_ms` is the budget of a request from its arrival, `score_ms` what must be left of it for scoring to begin.
    While the p95 of answers is above `calm_ms`, fewer candidates are scored, down to a share of `least_quality`. A
    request that would wait longer than `unscored_ms` gets the lowest rung, one that would wait longer than `refuse_ms`
    is refused. `lowest_share` of the feeds come from the lowest rung at any time, so that it cannot rot. Answers say so
    when item states are older than `states_s`.
    """

    request_ms: float = 180.0
    score_ms: float = 20.0
    calm_ms: float = 40.0
    least_quality: float = 0.2
    unscored_ms: float = 80.0
    refuse_ms: float = 120.0
    lowest_share: float = 0.005
    states_s: float = 60.0


class ServiceLimits(Value, frozen=True):
    """What holds for the whole service: how long a request waits for Redis, in milliseconds, and the objective for the
    share of answers that know their asker.
    """

    user_ms: float = 30.0
    personalised: float = 0.98


class Feedback(Value, frozen=True):
    """What feedback is believed: for how many seconds an answer's token is good, and how fast one user may act.

    A user may send `at_once` events together; after that, `a_second`, which the workers share.
    """

    lives_s: float = 7 * 86_400.0
    a_second: float = 2.0
    at_once: int = 500


class ApiNames(Value, frozen=True):
    """What a system calls things in requests, answers and its log of impressions.

    `context` are the fields of a request that say something about its moment, each with the words it may take.
    """

    user: str
    item: str
    items: str
    context: Mapping[str, tuple[str, ...]]
    action: str = "action"
    event_time: str = "event_time"
    received_time: str = "received_at"


class ReleasePolicy(Value, frozen=True):
    """What a release sets: where candidates come from, what may be shown, what a page looks like and may cost.

    A promoted change takes effect in the next answer. Attributes are written `view.field`, counters `view.counter`, as
    features are. `born` is the second an item came to be, `trending` the item's counter that says what is watched now,
    `shelf` the attribute of the asker that a release's lists are grouped by. Once the asker's attribute `account` is
    known to be none of its values, nothing of theirs is used: they count as unknown. `steps` make a page of scored
    candidates, one after the other.
    """

    born: str
    trending: str
    sources: tuple[Source, ...]
    filters: tuple[Filter, ...]
    user_view: str | None = None
    shelf: str | None = None
    account: OneOf | None = None
    steps: tuple[Step, ...] = ()
    limit: int = 20
    limits: RequestLimits = RequestLimits()


class ServicePolicy(Value, frozen=True):
    """What a deployment sets: a process reads it from its own checkout when it starts.

    It decides what a process holds in memory, what its requests look like and which feedback it believes. A release
    carries these values too, for those who read it; where they differ from the checkout's the service says so, and they
    take effect with a deployment.
    """

    name: str
    user: str
    item: str
    item_view: str
    names: ApiNames
    most: int = 100
    most_candidates: int = 1000
    remembered: int = 400
    remember_s: float = 43_200.0
    limits: ServiceLimits = ServiceLimits()
    feedback: Feedback = Feedback()


class Policy(Value, frozen=True):
    """How one system answers: what its service sets, and what its release does."""

    service: ServicePolicy
    release: ReleasePolicy

    def __post_init__(self) -> None:
        service, release = self.service, self.release
        fields = [name for step in release.steps if isinstance(step, Caps) for name in step.most]
        fields += [source.field for source in release.sources if isinstance(source, Liked)]
        for name in (release.born, *(f.field for f in release.filters), *fields):
            if not name.startswith(f"{service.item_view}."):
                raise DefinitionError(
                    f"policy {service.name}: `{name}` is no attribute of items: write {service.item_view}.<field>"
                )
        _must_be_sensible(self)


def _must_be_sensible(policy: Policy) -> None:
    for place, step in enumerate(policy.release.steps, 1):
        match step:
            case Exploration(share=share) if not 0 < share < 1:
                wrong = f"Exploration of {share:g} of the places: write a share between 0 and 1"
            case Exploration() if place < len(policy.release.steps):
                wrong = "a step after Exploration would make the logged propensities untrue: put it last"
            case Diversity(weight=weight, depth=depth) if weight <= 0 or depth < 1:
                wrong = f"Diversity of weight {weight:g} and depth {depth}: write numbers above 0"
            case _:
                continue
        raise DefinitionError(f"policy {policy.service.name}: {wrong}")


@dataclass(frozen=True, slots=True)
class Served:
    """What one service serves: its policy, the features it holds states of, the tables it logs and takes events for."""

    policy: Policy
    features: FeatureSet
    impressions: Table
    events: Table

    def __post_init__(self) -> None:
        must_fit(self.policy, self.features)


def must_fit(policy: Policy, features: FeatureSet) -> None:
    """Raises DefinitionError when a filter, a source or a step of the policy reads what the features do not have."""
    views, service, release = features.counter_views, policy.service, policy.release

    def counters(*keys: str) -> list[str]:
        return [f"{view.name}.{name}" for view in views if view.keys == keys for name in view.counters]

    def shared(field: str) -> list[str]:
        return counters(service.user, field.partition(".")[2])

    fields = [f"{view.name}.{field}" for view in features.profile_views for field in view.fields]
    of_items = counters(service.item)
    _must_be(policy, "born", release.born, fields)
    _must_be(policy, "trending", release.trending, of_items)
    for word in (*release.filters, *release.sources, *release.steps):
        wanted: list[tuple[str, list[str]]] = []
        match word:
            case Caps(most=most):
                wanted = [(name, fields) for name in most]
            case Exploration(exposure=exposure) | Rare(exposure=exposure):
                wanted = [(exposure, of_items)]
            case NotBlocked(field=field, counter=counter):
                wanted = [(field, fields), (counter, [name for name in shared(field) if name in features.ever_done])]
            case Liked(field=field, counter=counter):
                wanted = [(field, fields), (counter, shared(field))]
            case Trending(locally=locally):
                pairs = [view.keys for view in views if f"{service.item_view}.{view.keys[-1]}" in fields]
                local = [keys for keys in pairs if len(keys) > 1 and service.user not in keys]
                wanted = [(locally, [name for keys in local for name in counters(*keys)])]
            case OneOf(field=field) | Reaches(field=field) | AtMost(field=field):
                wanted = [(field, fields)]
        for name, there in wanted:
            _must_be(policy, type(word).__name__, name, there)


def _must_be(policy: Policy, word: str, name: str, there: Sequence[str]) -> None:
    if name not in there:
        raise DefinitionError(f"policy {policy.service.name}, {word}: {unknown(name, there)}")
