"""The policy by which a system answers, what an answer may cost, and how a service process works."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from feature_repo.definition import FeatureSet
from infra.errors import DefinitionError
from serving.filters import Filter, OneOf
from serving.sources import Rare, Source
from serving.steps import Exploration, Shuffle, Step
from serving.value import Value
from validation.contract import Table, unknown


class RequestLimits(Value, frozen=True):
    """What one page may cost, in milliseconds, and what happens to requests that cannot be answered in time.

    `request_ms` is the budget of a request from its arrival, `score_ms` what must be left of it for scoring to begin.
    While the p95 of answers is above `calm_ms`, fewer candidates are scored, down to a share of `least_quality`. A
    request that would wait longer than `unscored_ms` gets the lowest rung, one that would wait longer than `refuse_ms`
    is refused. `lowest_share` of the askers always get the lowest rung, so that a fault of it shows, and so do those of
    the `holdback_share`, against whom one measures what all ranking is worth. Answers say so when item states are older
    than `states_s`.
    """

    request_ms: float = 180.0
    score_ms: float = 20.0
    calm_ms: float = 40.0
    least_quality: float = 0.2
    unscored_ms: float = 80.0
    refuse_ms: float = 120.0
    lowest_share: float = 0.005
    holdback_share: float = 0.0
    states_s: float = 60.0


class ServiceLimits(Value, frozen=True):
    """What holds for the whole service: how long a request waits for Redis, in milliseconds, and the objective for the
    share of answers that know their asker.
    """

    user_ms: float = 30.0
    personalised: float = 0.98


class Feedback(Value, frozen=True):
    """Which feedback is accepted: for how many seconds an answer's token is valid, and how fast one user may act.

    A user may send `at_once` events together; after that, `a_second`, which the workers share.
    """

    lives_s: float = 7 * 86_400.0
    a_second: float = 2.0
    at_once: int = 500


class PoolValues(Value, frozen=True):
    """How many items the pools hold that sources draw from, and when pools are made anew.

    A source gives nothing that its pool has no room for: `trending` items for each place, `fresh` ones, `rare` ones,
    and `of_group` of each value of a field. Those of a place are chosen among the `watched` most watched everywhere;
    what was watched there counts beside `few_views` views that are spread as everywhere. Pools are made every
    `every_s`, and every `at_first_s` until there are items, but with a pause of at least `rest` times what the last
    ones took: with many items pools are made more rarely, and their share of the CPU stays.
    """

    trending: int = 1000
    fresh: int = 1000
    rare: int = 20_000
    of_group: int = 200
    watched: int = 20_000
    few_views: float = 100.0
    every_s: float = 10.0
    at_first_s: float = 1.0
    rest: float = 10.0


class BreakerValues(Value, frozen=True):
    """When a dependency is asked no more, and when again: so many `failures` in a row open its breaker.

    The first probe comes after `retry_s`. Each that fails doubles the wait for the next, up to `longest_retry_s`.
    """

    failures: int = 3
    retry_s: float = 0.25
    longest_retry_s: float = 4.0


class FollowValues(Value, frozen=True):
    """How a process follows the registry: it looks every `poll_s`, and holds the last `releases` on disk.

    A trial that takes more than `trial_cpu_s` of CPU time refuses the release; time in which it waits for its turn does
    not count. A refused release is tried again after `retry_s`: it may have been mended in place.
    """

    poll_s: float = 1.0
    trial_cpu_s: float = 60.0
    retry_s: float = 60.0
    releases: int = 3


class StateValues(Value, frozen=True):
    """How item states follow Redis: every `poll_s`.

    A view that Redis lost most of is doubted: it is read again every `look_again_s`, and believed after `believe_s`.
    """

    poll_s: float = 0.5
    look_again_s: float = 10.0
    believe_s: float = 600.0


class LandingValues(Value, frozen=True):
    """How rows come to disk: a file is handed over with `rows` rows, or when it is as old as the installation sets.

    Rows of the decision log wait `moment_s` for others, because a sync costs CPU and keeps the event loop waiting; with
    `pages` waiting, further ones are lost. Events that are not on disk within `event_s` are refused.
    """

    rows: int = 20_000
    moment_s: float = 0.5
    pages: int = 2000
    event_s: float = 2.0


class ShadowValues(Value, frozen=True):
    """What a release on trial may cost before it answers anybody: it scores what the champion has answered.

    A `share` of the answers is offered to it, of which each process takes at most `a_second`; `waiting` of them wait.
    What comes while an answer is being made, or while work is shed, is dropped.
    """

    share: float = 1.0
    a_second: float = 5.0
    waiting: int = 4


class ProcessValues(Value, frozen=True):
    """How a service process works beside answering. No release carries these values; they change with a deployment.

    In a page made of a release's lists, every `fresh_every`-th place is for a fresh item. Of a `traced_share` of the
    pages all candidates are written down, for `flywheel why`.
    """

    pools: PoolValues = PoolValues()
    breakers: BreakerValues = BreakerValues()
    releases: FollowValues = FollowValues()
    states: StateValues = StateValues()
    landing: LandingValues = LandingValues()
    shadow: ShadowValues = ShadowValues()
    fresh_every: int = 3
    traced_share: float = 0.01

    def __post_init__(self) -> None:
        if self.fresh_every < 2:
            raise DefinitionError(f"process: every place of {self.fresh_every} is for a fresh item: write 2 or more")


class ApiNames(Value, frozen=True):
    """A system's names in requests, answers and its log of impressions.

    `context` are the fields of a request that describe its circumstances, each with the words it may have.
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
    `shelf` the attribute of the asker that a release's lists are grouped by. When the asker's attribute `account` is
    known and none of its values, nothing of theirs is used: they count as unknown. `steps` make a page of scored
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

    It decides what a process has in memory, what its requests look like and which feedback it accepts. A release
    carries these values too, for its readers; where they differ from the checkout's the service says so, and they take
    effect with a deployment.
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
        parts = (*release.filters, *release.steps, *release.sources)
        for name in (release.born, *(name for part in parts for name in part.reads().attributes)):
            if not name.startswith(f"{service.item_view}."):
                raise DefinitionError(
                    f"policy {service.name}: `{name}` is no attribute of items: write {service.item_view}.<field>"
                )
        mistakes = [part.mistake() for part in parts]
        if any(isinstance(step, Exploration) for step in release.steps[:-1]):
            mistakes.append("a step after Exploration would make the logged propensities untrue: put it last")
        if any(not isinstance(step, Exploration) for step in release.steps[_after_shuffle(release.steps) :]):
            mistakes.append("only Exploration may follow Shuffle: another step would undo the lot")
        if any(isinstance(source, Rare) for source in release.sources[:-1]):
            mistakes.append("candidates of a source after Rare would depend on what is drawn: one Rare, put it last")
        for mistake in filter(None, mistakes):
            raise DefinitionError(f"policy {service.name}: {mistake}")


def _after_shuffle(steps: Sequence[Step]) -> int:
    """The place after the first Shuffle; after all steps where there is none."""
    return next((place + 1 for place, step in enumerate(steps) if isinstance(step, Shuffle)), len(steps))


@dataclass(frozen=True, slots=True)
class Served:
    """What one service serves: its policy, the features it holds states of, the tables it logs and takes events for.

    `process` is how its processes work beside answering.
    """

    policy: Policy
    features: FeatureSet
    impressions: Table
    events: Table
    process: ProcessValues = field(default_factory=ProcessValues)

    def __post_init__(self) -> None:
        must_fit(self.policy, self.features)


def must_fit(policy: Policy, features: FeatureSet) -> None:
    """Raises DefinitionError when a filter, a source or a step of the policy reads what the features do not have."""
    views, service, release = features.counter_views, policy.service, policy.release

    def counters(*keys: str) -> list[str]:
        return [f"{view.name}.{name}" for view in views if view.keys == keys for name in view.counters]

    def shared(attribute: str) -> list[str]:
        return counters(service.user, attribute.partition(".")[2])

    attributes = [f"{view.name}.{field}" for view in features.profile_views for field in view.fields]
    of_items = counters(service.item)
    of_places = [
        view.keys for view in views
        if len(view.keys) > 1 and service.user not in view.keys and f"{service.item_view}.{view.keys[-1]}" in attributes
    ]  # fmt: skip
    local = [name for keys in of_places for name in counters(*keys)]
    _must_be(policy, "born", release.born, attributes)
    _must_be(policy, "trending", release.trending, of_items)
    for part in (*release.filters, *release.sources, *release.steps):
        reads = part.reads()
        choices = [
            *((name, attributes) for name in reads.attributes),
            *((name, of_items) for name in reads.counters),
            *((name, shared(attribute)) for attribute, name in reads.shared),
            *((name, [n for n in shared(field) if n in features.ever_done]) for field, name in reads.remembered),
            *((name, local) for name in reads.local),
        ]
        for name, there in choices:
            _must_be(policy, type(part).__name__, name, there)


def _must_be(policy: Policy, word: str, name: str, there: Sequence[str]) -> None:
    if name not in there:
        raise DefinitionError(f"policy {policy.service.name}, {word}: {unknown(name, there)}")
