"""The page of a study: Markdown below the reports, its figures and the page in MLflow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infra.atomic import atomic_write
from infra.settings import Settings
from training.registry import DESCRIPTION_TAG, experiment_id, mlflow_client
from training.studies.costs import GroupCost
from training.studies.groups import GroupStudy
from training.studies.refits import SEEDS_EACH
from training.studies.search import SearchOutcome
from training.studies.seeds import SeedStudy
from training.studies.staleness import StalenessStudy
from validation.verdict import markdown

Study = SeedStudy | StalenessStudy | GroupStudy | SearchOutcome


@dataclass(frozen=True, slots=True)
class StudyPage:
    """What people read of a study, and its figures by name."""

    name: str
    text: str
    figures: Mapping[str, float]


def page_of(study: Study, costs: Mapping[str, GroupCost] | None = None) -> StudyPage:
    """The page of a study; of groups of features with what each costs."""
    match study:
        case SeedStudy():
            return StudyPage("seeds", "\n".join(_seeds(study)), {f"{n}_sd": s for n, s in study.spreads().items()})
        case StalenessStudy():
            figures = {f"{study.decides_by}_{age}d": measured.value for age, measured in study.means().items()}
            return StudyPage("staleness", "\n".join(_staleness(study)), figures)
        case GroupStudy():
            figures = {f"loss without {group}": loss.value for group, loss in study.losses.items()}
            return StudyPage("groups", "\n".join(_groups(study, costs or {})), figures)
        case SearchOutcome():
            figures = {"as_defined": study.as_defined, "best": max(t.reached for t in study.trials)}
            return StudyPage("search", "\n".join(_search(study)), figures)


def write_page(settings: Settings, system: str, page: StudyPage, at: datetime, cpu_s: float) -> Path:
    """Keep a page below the reports and in MLflow, with what it cost; returns the file.

    at  the moment the study speaks of
    """
    path = settings.reports / "studies" / system / f"{page.name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as draft:
        draft.write_text(f"{page.text}\n\nAs of {at:%Y-%m-%d %H:%M} UTC; it took {cpu_s:,.0f} s of CPU.\n")
    client, moment = mlflow_client(settings), int(at.timestamp() * 1000)
    name = f"study {page.name} {at:%Y-%m-%d}"
    run = client.create_run(experiment_id(settings, system), start_time=moment, run_name=name).info.run_id
    for figure, value in {**page.figures, "cpu_s": cpu_s}.items():
        client.log_metric(run, f"study/{page.name}/{figure}", value, timestamp=moment)
    client.log_artifact(run, str(path))
    client.set_tag(run, DESCRIPTION_TAG, page.text.partition("\n|")[0])  # MLflow shows no Markdown tables there
    client.set_terminated(run, end_time=moment)
    return path


def _seeds(study: SeedStudy) -> Iterator[str]:
    seeds = len(study.by_seed[study.decides_by])
    yield f"# Seed noise of {study.contender}\n"
    yield f"Fitted {seeds} times on the same rows, each time with another seed, and judged on the same rows.\n"
    yield markdown(["measure", "mean", "sd between seeds", "smallest to largest"], list(study.rows()))
    yield f"\n## Gains in {study.decides_by} beside the noise\n"
    yield "A gain below two standard deviations between seeds may be another draw of the seed, whatever its interval.\n"
    yield markdown(["over", "gain [95 %]", "seed noise (sd)", "gain / noise"], list(study.gain_rows()))


def _staleness(study: StalenessStudy) -> Iterator[str]:
    yield f"# Staleness of {study.contender}\n"
    yield f"Each model learned from {study.span} days, and all are judged on {study.judged} with that day's features.\n"
    yield f"Means over {SEEDS_EACH} seeds; intervals are of users and of seeds.\n"
    head: Sequence[str] = ("age", "last day learned from", f"{study.decides_by} [95 %]", "against the freshest [95 %]")
    yield markdown(head, list(study.rows()))


def _groups(study: GroupStudy, costs: Mapping[str, GroupCost]) -> Iterator[str]:
    yield f"# What each group of features is worth to {study.contender}\n"
    yield f"{study.sentence()}\n"
    yield (
        f"Fitted anew without each group, with {SEEDS_EACH} seeds, on rows before those that a training judges by. A "
        f"group is proposed where the whole interval of the loss is below {study.margin}, what a release may lose. "
        "Other readers of a counter, such as the policy's sources, are not looked at: see to them first.\n"
    )
    head = ("group", "features", f"{study.decides_by} lost without it [95 %]", "bytes online", "µs a request",
            "unknown", "proposal")  # fmt: skip
    yield markdown(head, list(study.rows(costs)))


def _search(study: SearchOutcome) -> Iterator[str]:
    yield f"# Search for better settings of {study.best.name}\n"
    yield f"{study.sentence()}\n"
    yield markdown(["trial", "settings", study.decides_by], list(study.rows()))
