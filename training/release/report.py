"""The report of a training run, in MLflow and as files: parameters, measures, tables, plots, the data's digest."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from infra.freshness import Freshness
from infra.settings import Settings
from infra.statistics import Interval
from training.contenders import FittedColumn
from training.definition import Task
from training.fitting import Trained
from training.judging import Fresher
from training.registry import DESCRIPTION_TAG, LoggedRun, artifact_page, experiment_id, mlflow_client
from training.release import plots
from training.rows import Dataset, KnownBy
from validation.definition import BEST_COLUMN
from validation.verdict import markdown

REPORT = "report"  # the folder of tables and plots among a run's artefacts
DIGEST_LENGTH = 36  # MLflow stores no more of a data set's digest; the whole one is a tag


def log_report(
    settings: Settings, trained: Trained, dataset: Dataset, task: Task, at: datetime,
    times: tuple[datetime, datetime] | None = None, sections: Sequence[str] = (),
    more: Mapping[str, float] | None = None,
) -> LoggedRun:  # fmt: skip
    """Record a run. Tables and plots are written below the settings' reports too.

    at        the moment of the run: it uses what was received before
    times     when training began and ended, by the machine's clock; `at` where that was not measured
    sections  of the report, in Markdown, about what else was measured; `more` has figures of it, by name
    """
    where = settings.reports / "training" / f"{task.name}-{trained.target}"
    write(trained, task, where, dataset.mostly_unknown(), dataset.maturity, sections)
    client = mlflow_client(settings)
    began, ended = (int(moment.timestamp() * 1000) for moment in times or (at, at))
    experiment = experiment_id(settings, task.name)
    run = client.create_run(experiment, start_time=began, run_name=run_name(trained, at))
    run_id = str(run.info.run_id)
    _log_numbers(client, run_id, trained, dataset, task, ended, more or {})
    client.set_tag(run_id, "as_of", at.isoformat())
    client.log_artifacts(run_id, str(where), REPORT)
    client.set_tag(run_id, DESCRIPTION_TAG, front_page(trained, task, run_id))
    client.set_terminated(run_id, end_time=ended)
    return LoggedRun(run_id, trained.metrics(), trained.metrics()[trained.winner], where)


def run_name(trained: Trained, at: datetime) -> str:
    """The name of a run in MLflow: its target, the last day of its data, and the contender that won."""
    return f"{trained.target} {at - timedelta(microseconds=1):%Y-%m-%d} {trained.winner}"


def front_page(trained: Trained, task: Task, run_id: str) -> str:
    """The text on a run's first page in MLflow: who won, and the plots. MLflow shows no Markdown tables there."""
    figures = [f"- **{c}** {_interval(e.summary(), task.decides_by)}" for c, e in trained.evaluations.items()]
    drawn = [f"![{plot}]({artifact_page(run_id, f'{REPORT}/{plot}.png')})" for plot in plots.names(trained)]
    return "\n".join([f"## {trained.winner} wins in {task.decides_by}\n", *figures, "", *drawn])


def write(
    trained: Trained, task: Task, folder: Path, unknown: Mapping[str, float] | None = None,
    maturity: Sequence[KnownBy] = (), sections: Sequence[str] = (),
) -> None:  # fmt: skip
    """The tables and plots of a run as files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_bytes(msgspec.json.format(msgspec.json.encode(trained.metrics())))
    (folder / "slices.json").write_bytes(msgspec.json.format(msgspec.json.encode(slices(trained))))
    sections = [exposure_section(trained), lacking(unknown or {}), maturity_section(maturity, task), *sections]
    (folder / "report.md").write_text(tables(trained, task) + "".join(sections))
    plots.draw(trained, task, folder)


def tables(trained: Trained, task: Task) -> str:
    """The measures of every contender, and the deciding one by slice, as Markdown."""
    names = list(dict.fromkeys(name for e in trained.evaluations.values() for name in e.measures))
    rows = [[c, *(_interval(e.summary(), name) for name in names)] for c, e in trained.evaluations.items()]
    parts = [[where, *figures] for where, figures in _by_slice(trained, task)]
    return "\n".join(
        [
            f"# {task.name}: {trained.target}",
            f"\nWinner: {trained.winner} ({trained.why}).",
            best_single_column(trained),
            markdown(["contender", *names], rows),
            f"\n## {task.decides_by} by slice\n",
            markdown(["slice", *trained.evaluations], parts),
            "",
        ]
    )


def best_single_column(trained: Trained) -> str:
    """A sentence that names the column behind the baseline that every run finds itself."""
    best = trained.fitted[BEST_COLUMN]
    assert isinstance(best, FittedColumn)
    order = "the highest" if best.sign > 0 else "the lowest"
    return f"The best single column of the tuning rows is `{best.feature}`, {order} first.\n"


def lacking(unknown: Mapping[str, float]) -> str:
    """The features that are unknown in many rows, as Markdown; nothing where there are none."""
    if not unknown:
        return ""
    why = "Unknown in a third of the rows or more: a column is missing, or descriptions came after the showings."
    rows = [[name, f"{share:.0%}"] for name, share in unknown.items()]
    return f"\n## Warning\n\n{why}\n\n" + markdown(["feature", "unknown in"], rows) + "\n"


def freshness_section(freshness: Freshness, worth: Fresher | None, task: Task) -> str:
    """How fresh the states are that a model learns from and is judged on, and what fresher ones would be worth."""
    section = f"\n## Freshness\n\nAll figures are on states as fresh as they are served: {freshness}.\n"
    if worth is None:
        return section
    rows = [
        ["as served", _with_interval(worth.as_served)],
        ["as soon as they are published", _with_interval(worth.as_published)],
        ["what that would be worth", str(worth.gain)],
    ]
    return section + "\n" + markdown(["the same model, on states", task.objective.merit], rows) + "\n"


def maturity_section(curve: Sequence[KnownBy], task: Task) -> str:
    """The share of each target's outcomes that is known by age, as Markdown; nothing where none happened."""
    counts = {point.target: point.rows for point in curve if point.rows}
    if not counts:
        return ""
    ages = sorted({point.age_s for point in curve})
    shares = {(point.target, point.age_s): f"{point.share:.2%}" for point in curve}
    rows = [[_age(age, task), *(shares[target, age] for target in counts)] for age in ages]
    head = ["age of a row", *(f"{target} (of {count:,})" for target, count in counts.items())]
    said = "Of the rows on which it happened, the share of which that was known so long after they were shown.\n\n"
    return "\n## Maturity of labels\n\n" + said + markdown(head, rows) + "\n"


def exposure_section(trained: Trained) -> str:
    """Who gets the places in the winner's order, as Markdown; nothing where it is not measured."""
    shares = trained.exposures.get(trained.winner)
    if shares is None:
        return ""
    rows = [
        [part.name, *(f"{share:.1%}" for share in (part.eligible, part.exposure, part.outcome)),
         f"{part.ratio:.2f} [{part.low:.2f}, {part.high:.2f}]"]
        for part in shares.parts
    ]  # fmt: skip
    few = [f"{of.few:.1%} ({of.gini:.2f})" for of in (shares.of_rows, shares.of_exposure, shares.of_outcomes)]
    said = (
        f"Shares of the judged rows, of what their places are worth when {trained.winner} orders them, and of what "
        f"users made of them. The first 1 % of {shares.makers:,} makers have {few[0]} of the rows, {few[1]} of the "
        f"exposure and {few[2]} of the outcomes (in brackets Gini coefficients).\n\n"
    )
    head = ("part", "rows", "exposure", "outcomes", "exposure ÷ outcomes")
    return "\n## Exposure\n\n" + said + markdown(head, rows) + "\n"


def retrieval_section(retrieval: Mapping[str, float]) -> str:
    """The measures of retrieval by embeddings, as Markdown; nothing where there are none."""
    if not retrieval:
        return ""
    rows = [[name, f"{value:,.0f}" if value > 1 else f"{value:.4f}"] for name, value in retrieval.items()]
    return "\n## Retrieval by embeddings\n\n" + markdown(["measure", "value"], rows) + "\n"


def _age(seconds: float, task: Task) -> str:
    age = timedelta(seconds=seconds)
    hours, minutes = divmod(int(seconds) // 60, 60)
    written = f"{age.days} d" if seconds >= 2 * 86_400 else f"{hours} h {minutes} min" if hours else f"{minutes} min"
    return f"**{written}: mature**" if age == task.maturity else written


def slices(trained: Trained) -> dict[str, Any]:
    """Slicing → slice → contender → measures."""
    by_slice: dict[str, Any] = {}
    for contender, evaluation in trained.evaluations.items():
        for slicing, parts in evaluation.slices.items():
            for word, part in parts.items():
                by_slice.setdefault(slicing, {}).setdefault(word, {})[contender] = part.summary()
    return by_slice


def _by_slice(trained: Trained, task: Task) -> Iterator[tuple[str, list[str]]]:
    for slicing, parts in slices(trained).items():
        for word, contenders in parts.items():
            yield f"{slicing}={word}", [_interval(summary, task.decides_by) for summary in contenders.values()]


def _with_interval(figure: Interval) -> str:
    return f"{figure.mean:.4f} [{figure.low:.4f}, {figure.high:.4f}]"


def _interval(summary: Mapping[str, Any], name: str) -> str:
    value, low, high = (summary.get(name + end) for end in ("", "_low", "_high"))
    if value is None:
        return "–"
    return f"{value:.4f}" if low is None or high is None else f"{value:.4f} [{low:.4f}, {high:.4f}]"


def _log_numbers(
    client: Any, run_id: str, trained: Trained, dataset: Dataset, task: Task, at: int,
    more: Mapping[str, float],
) -> None:  # fmt: skip
    from mlflow.entities import Dataset as Logged
    from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag

    numbers = {f"{c}/{name}": value for c, measures in trained.metrics().items() for name, value in measures.items()}
    numbers |= more
    metrics = [Metric(name, float(value), at, 0) for name, value in numbers.items() if value is not None]
    params = {
        "freshness": str(dataset.freshness),
        "target": trained.target,
        "seed": trained.seed,
        "features": len(trained.features),
        **_params(task),
    }
    tags = {"dataset_digest": dataset.digest, "winner": trained.winner, "system": task.name}
    tags |= {"mostly_unknown": ", ".join(unknown)[:5000]} if (unknown := dataset.mostly_unknown()) else {}
    for start in range(0, len(metrics), 1000):  # as many as MLflow takes at once
        client.log_batch(run_id, metrics=metrics[start : start + 1000])
    client.log_batch(
        run_id,
        params=[Param(name, str(value)[:500]) for name, value in {**params, **trained.facts()}.items()],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )
    profile = msgspec.json.encode(dataset.facts(task)).decode()
    source = msgspec.json.encode({"table": f"training_sets/{task.name}"}).decode()
    name, short = f"{task.name} training set", dataset.digest[:DIGEST_LENGTH]
    training_set = Logged(name, short, "local", source, profile=profile)
    client.log_inputs(run_id, [DatasetInput(training_set, [InputTag("mlflow.data.context", "training")])])


def _params(task: Task) -> dict[str, Any]:
    """What defines the task, flat."""
    split = {f"split_{name}": getattr(task.split, name) for name in ("fit", "tune", "tune_from", "judge_from")}
    contenders = {f"contender_{contender.name}": contender for contender in task.contenders}
    times = {"window": task.window, "longest": task.longest, "grace": task.grace}
    return {**times, "draws": task.draws, **split, **contenders}
