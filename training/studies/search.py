"""The search for better settings of a contender: a fixed number of trials, on rows before those that are judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from infra.errors import DefinitionError
from training.contenders import Boosted
from training.definition import Between, Search, Task
from training.measuring import MeasureValue
from training.rows import Dataset
from training.studies.refits import Refits, before_judging, mean_difference, mean_of, thinned, written

if TYPE_CHECKING:
    import optuna

FINALISTS = 3  # the best of the trials, which are fitted with further seeds: the best of twenty is often a lucky one


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings that were tried, and the deciding measure that they reached."""

    params: Mapping[str, float]
    reached: float


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """The trials in their order, beside the contender as it is defined.

    as_defined  what the settings of the definition reach in the deciding measure, mean over seeds
    best        the contender with the best settings: the best in mean over seeds among the best few of the trials
    gain        what it gains over the definition, on the rows that chose it
    """

    decides_by: str
    as_defined: float
    trials: tuple[Trial, ...]
    best: Boosted
    gain: MeasureValue

    @property
    def better(self) -> bool:
        """Whether a trial was better than the definition, be it by chance: the gates decide whether it is."""
        return self.gain.value > 0

    def task(self, task: Task) -> Task:
        """The task with the best settings in place of the contender's own."""
        contenders = tuple(self.best if c.name == self.best.name else c for c in task.contenders)
        return replace(task, contenders=contenders)

    def rows(self) -> Iterator[list[str]]:
        """Trial, its settings, what it reached; the best first, the definition last."""
        for number, trial in sorted(enumerate(self.trials, 1), key=lambda pair: -pair[1].reached):
            settings = ", ".join(f"{name} {value:.4g}" for name, value in trial.params.items())
            yield [str(number), settings, f"{trial.reached:.4f}"]
        yield ["–", "as defined", f"{self.as_defined:.4f}"]

    def sentence(self) -> str:
        """The finding, with what to write into the definition."""
        if not self.better:
            return f"None of {len(self.trials)} trials was better than the definition in {self.decides_by}."
        params = dict(self.best.params)
        return (
            f"The best of {len(self.trials)} trials gains {written(self.gain)} in {self.decides_by} on the rows that "
            f"chose it, which flatters it. To keep it: `params={params}` of `{self.best.name}` in the definition."
        )


def search_settings(dataset: Dataset, task: Task) -> SearchOutcome:
    """Try the settings that `task.search` allows, and judge each on the last rows before the judge rows.

    The same rows give the same trials: the sampler (TPE, Bergstra et al. 2011) has the task's seed, and nothing is
    stopped by a clock. Raises DefinitionError where no search is defined, or for a contender without settings.
    """
    import optuna  # takes a second: only a search needs it

    defined, contender = _defined(task)
    refits = Refits.of(*before_judging(thinned(dataset, task, defined.most_rows), task))
    trials: list[Trial] = []

    def objective(trial: "optuna.Trial") -> float:
        params = {name: _suggested(trial, name, values) for name, values in defined.space.items()}
        trials.append(Trial(params, refits.decided(refits.fitted(_with(contender, params))).value))
        return trials[-1].reached

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=task.seed))
    study.optimize(objective, n_trials=defined.trials)
    as_defined = refits.by_seed(contender)
    finalists = [_with(contender, trial.params) for trial in sorted(trials, key=lambda t: -t.reached)[:FINALISTS]]
    gains = [mean_difference(refits.by_seed(one), as_defined, task.seed) for one in finalists]
    best, gain = max(zip(finalists, gains, strict=True), key=lambda pair: pair[1].value)
    return SearchOutcome(task.decides_by, mean_of(as_defined, task.seed).value, tuple(trials), best, gain)


def _defined(task: Task) -> tuple[Search, Boosted]:
    defined = task.search
    if defined is None:
        raise DefinitionError(
            f"task {task.name}: no search is defined. Give it a `search` in training/systems, such as "
            '`Search("xgboost", {"eta": Between(0.02, 0.3, log=True)})`.'
        )
    contender = task.contender(defined.contender)
    if not isinstance(contender, Boosted):
        raise DefinitionError(f"task {task.name}: contender {defined.contender} has no settings to search.")
    return defined, contender


def _suggested(trial: "optuna.Trial", name: str, values: Between) -> float:
    if values.integer:
        return trial.suggest_int(name, int(values.low), int(values.high), log=values.log)
    return trial.suggest_float(name, values.low, values.high, log=values.log)


def _with(contender: Boosted, params: Mapping[str, float]) -> Boosted:
    return replace(contender, params={**contender.params, **params})
