"""Leave one group out: what the features of each view are worth to a contender, and which of them could be dropped."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from feature_repo.definition import FeatureSet
from training.contenders import Contender
from training.definition import Task
from training.measuring import MeasureValue
from training.rows import Dataset
from training.studies.costs import GroupCost
from training.studies.refits import Refits, before_judging, mean_difference, written

REQUEST = "the request"


@dataclass(frozen=True, slots=True)
class GroupStudy:
    """What a contender loses in the deciding measure without each group of features; measured before the judge rows.

    losses    group → the measure with all features minus that without the group
    together  what is lost without all groups of the proposal at once; None where nothing is proposed
    margin    a group is proposed to be dropped where the whole interval of the loss is below it
    """

    contender: str
    decides_by: str
    margin: float
    features: Mapping[str, tuple[str, ...]]
    losses: Mapping[str, MeasureValue]
    together: MeasureValue | None

    @property
    def proposal(self) -> tuple[str, ...]:
        """The groups without any of which the model loses next to nothing."""
        return tuple(name for name, loss in self.losses.items() if loss.high < self.margin)

    def rows(self, costs: Mapping[str, GroupCost]) -> Iterator[list[str]]:
        """Group, features, loss without it, its costs, what is proposed; the most valuable first."""
        for name, loss in sorted(self.losses.items(), key=lambda pair: -pair[1].value):
            cost = costs[name]
            yield [name, str(len(self.features[name])), written(loss), f"{cost.online_bytes:,}",
                   f"{cost.micros:,.0f}", f"{cost.unknown:.1%}", "drop" if name in self.proposal else ""]  # fmt: skip

    def sentence(self) -> str:
        """The proposal in words."""
        if self.together is None:
            return f"Nothing is proposed: without any one group {self.decides_by} may fall by {self.margin} or more."
        names = ", ".join(self.proposal)
        if self.together.high < self.margin:
            return f"Proposed to be dropped: {names}. Without all of them at once: {written(self.together)}."
        return (
            f"Each of {names} could be dropped, but not all at once: without them {written(self.together)} is lost. "
            "Drop the one that costs most and study again."
        )


def feature_groups(features: FeatureSet, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The names of features by the views that they read, in the set's order; what reads none is of the request."""
    groups: dict[str, tuple[str, ...]] = {}
    for feature in features.features:
        if feature.name in names:
            views = dict.fromkeys(read.partition(".")[0] for read in feature.reads())
            group = " and ".join(views) or REQUEST
            groups[group] = (*groups.get(group, ()), feature.name)
    return groups


def leave_groups_out(
    dataset: Dataset, task: Task, features: FeatureSet, contender: Contender, margin: float
) -> GroupStudy:
    """Fit a contender without each group in turn. What is dropped is a choice: no judge row takes part in it."""
    refits = Refits.of(*before_judging(dataset, task))
    groups = feature_groups(features, dataset.features)
    complete = refits.by_seed(contender)

    def lost(names: Sequence[str]) -> MeasureValue:
        return mean_difference(complete, refits.by_seed(contender, names), task.seed)

    losses = {group: lost(names) for group, names in groups.items() if len(names) < len(dataset.features)}
    study = GroupStudy(contender.name, task.decides_by, margin, groups, losses, None)
    proposed = [name for group in study.proposal for name in groups[group]]
    return replace(study, together=lost(proposed)) if 0 < len(proposed) < len(dataset.features) else study
