"""The plots of a training run: calibration, importance, and the deciding measure by slice."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.definition import Task
from training.fitting import Trained, importances
from training.objectives import Curve, bins_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOTS = ("calibration", "importance", "by_slice")
MOST = 20  # features or slices that a plot still shows legibly


def draw(trained: Trained, task: Task, folder: Path) -> None:
    """Write the plots of every objective, and those of this one: `names` says which."""
    from matplotlib.figure import Figure

    drawings: dict[str, Callable[[Axes], None]] = {
        "calibration": lambda axes: calibration(axes, trained),
        "importance": lambda axes: importance(axes, trained),
        "by_slice": lambda axes: by_slice(axes, trained, task),
    }
    for name in names(trained)[len(PLOTS) :]:
        drawings[name] = partial(curves, trained=trained, name=name)
    for name, plot in drawings.items():
        figure = Figure(figsize=(8, 6), layout="constrained")
        plot(figure.subplots())
        figure.savefig(folder / f"{name}.png", dpi=90)


def names(trained: Trained) -> tuple[str, ...]:
    """The plots of a run."""
    return (*PLOTS, *_curves(trained, trained.winner))


def curves(axes: "Axes", trained: Trained, name: str) -> None:
    """One of the objective's curves for every contender, with the points that they chose."""
    for contender in trained.scores:
        curve = _curves(trained, contender)[name]
        (line,) = axes.plot(curve.x, curve.y, label=contender)
        if curve.chosen:
            axes.plot(*curve.chosen, marker="o", color=line.get_color())
    axes.set(title=f"{curve.title}: {trained.target}", xlabel=curve.x_label, ylabel=curve.y_label)
    axes.legend()


def _curves(trained: Trained, contender: str) -> Mapping[str, Curve]:
    return trained.objective.curves(trained.judged, trained.scores[contender], trained.points.get(contender))


def calibration(axes: "Axes", trained: Trained) -> None:
    """Predicted against observed means in bins of equally many judge rows."""
    truth = trained.judged.truth
    for name, predictions in trained.predictions.items():
        if predictions.ndim > 1:
            continue
        bins = bins_of(predictions)
        rows = np.maximum(np.bincount(bins), 1)
        axes.plot(np.bincount(bins, predictions) / rows, np.bincount(bins, truth) / rows, marker="o", label=name)
    end = 1.0 if trained.objective.link == "logit" else float(truth.max())
    axes.plot([0, end], [0, end], color="grey", linestyle=":", label="as predicted")
    axes.set(xlabel="predicted mean", ylabel="seen mean", title=f"Calibration on the judge rows: {trained.target}")
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
        (slicing, word, part.facts["units"]) for slicing, parts in winner_slices.items() for word, part in parts.items()
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
