"""The plots of a training run: calibration, importance, and the deciding measure by slice."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.definition import Task
from training.fitting import Trained, importances
from training.measuring import bins_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOTS = ("calibration", "importance", "ndcg_by_slice")
MOST = 20  # features or slices that a plot still shows legibly


def draw(trained: Trained, task: Task, folder: Path) -> None:
    """Write calibration.png, importance.png and ndcg_by_slice.png."""
    from matplotlib.figure import Figure

    drawings: Sequence[Callable[[Axes], None]] = (
        lambda axes: calibration(axes, trained),
        lambda axes: importance(axes, trained),
        lambda axes: by_slice(axes, trained, task),
    )
    for name, plot in zip(PLOTS, drawings, strict=True):
        figure = Figure(figsize=(8, 6), layout="constrained")
        plot(figure.subplots())
        figure.savefig(folder / f"{name}.png", dpi=90)


def calibration(axes: "Axes", trained: Trained) -> None:
    """Predicted against observed share in bins of equally many judge rows."""
    label = trained.judged.label > 0
    for name, probabilities in trained.probabilities.items():
        bins = bins_of(probabilities)
        rows = np.maximum(np.bincount(bins), 1)
        axes.plot(np.bincount(bins, probabilities) / rows, np.bincount(bins, label) / rows, marker="o", label=name)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="as predicted")
    axes.set(xlabel="predicted share", ylabel="seen share", title=f"Calibration on the judge rows: {trained.target}")
    axes.legend()


def importance(axes: "Axes", trained: Trained) -> None:
    """The features that count most with the winner."""
    strongest = [(feature, value) for name, feature, value in importances(trained) if name == trained.winner][:MOST]
    axes.barh([feature for feature, _ in reversed(strongest)], [value for _, value in reversed(strongest)])
    axes.set(title=f"What {trained.winner} looks at", xlabel="importance")


def by_slice(axes: "Axes", trained: Trained, task: Task) -> None:
    """The deciding measure of each contender in the largest slices, with intervals."""
    winner_slices = trained.evaluations[trained.winner].slices
    sizes = [
        (slicing, word, part.facts["groups"])
        for slicing, parts in winner_slices.items()
        for word, part in parts.items()
    ]
    shown = sorted(sorted(sizes, key=lambda size: -size[2])[:MOST])
    for i, (name, evaluation) in enumerate(trained.evaluations.items()):
        measures = [evaluation.slices[slicing][word].measures[task.decides_by] for slicing, word, _ in shown]
        middle = np.array([m.value for m in measures])
        ends = np.abs(np.array([[m.value - m.low for m in measures], [m.high - m.value for m in measures]]))
        axes.errorbar(middle, np.arange(len(measures)) + i * 0.15, xerr=np.nan_to_num(ends), fmt="o", label=name)
    axes.set_yticks(np.arange(len(shown)), [f"{slicing}={word}" for slicing, word, _ in shown])
    axes.set(xlabel=task.decides_by, title="By slice, with 95 % intervals")
    axes.legend()
