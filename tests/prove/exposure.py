"""Who gets the places on a simulated platform, and that the gate refuses an order that keeps small creators back."""

from dataclasses import replace
from pathlib import Path

from infra.statistics import drawn_by_poisson
from orchestration.sources.simulator import Scale
from orchestration.systems.home_feed import HOME_FEED
from tests.prove.leak_world import platform
from tests.prove.section import Proof, Section
from training.fitting import train_contenders
from training.measuring import exposures
from training.release import exposure_section
from validation.gates import GateEvidence, exposure_gate
from validation.verdict import markdown

SCALE = Scale(users=600, videos=2_500, days=6, impressions=60_000, creators=400, categories=10, regions=4)
LEAST = 0.85
KEPT_BACK = "small"


def measure(folder: Path, scale: Scale = SCALE) -> Proof:
    """The winner's shares as its report has them; what the gate says of it, and with small creators last."""
    _, dataset = platform(folder, scale, HOME_FEED)
    task = HOME_FEED.task
    trained = train_contenders(dataset, task)
    scores = trained.scores[trained.winner]
    last = scores - 2 * (scores.max() - scores.min()) * (trained.judged.exposed["creator_size"] == KEPT_BACK)
    weights = drawn_by_poisson(trained.judged.clusters, task.draws, trained.seed)
    planted = exposures(trained.judged, last, weights, 10)
    assert planted is not None
    name = f"{trained.winner}, {KEPT_BACK} creators last"
    limits = replace(HOME_FEED.limits, min_exposure=LEAST)
    findings = {
        who: exposure_gate(GateEvidence(features=(), candidate=who, exposures=shares.parts), limits)
        for who, shares in ({trained.winner: trained.exposures[trained.winner], name: planted}).items()
    }
    rows = [(who, *finding.row()[1:]) for who, finding in findings.items()]
    gate = markdown(("order", "outcome", "measured", "limit", "reason"), rows)
    head = f"{len(dataset.frame):,} training rows of {scale.users:,} users and {scale.creators:,} creators."
    section = exposure_section(trained).replace("## Exposure\n", "")
    asked = f"The gate `exposure` with `min_exposure={LEAST}`:"
    held = findings[trained.winner].passed and not findings[name].passed
    return Proof(f"{head}\n{section}\n{asked}\n\n{gate}", held)


EXPOSURE = Section("exposure", "Who gets the places", measure)
