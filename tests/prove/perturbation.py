"""Section `perturbation`: what came after an impression is altered and rows stay equal; leaky builders are refused."""

from datetime import timedelta
from pathlib import Path

from feature_repo.folding import publish_profiles, publish_states
from infra.lake import Lake
from infra.settings import Settings
from orchestration.release_inputs import release_inputs
from orchestration.runs import execute
from orchestration.sources.simulator import Scale, World, deliver
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.prove.leaky_builders import BUILDERS, SPOILT
from tests.prove.section import Proof, Section
from training.perturbation import ProvenDay, Workshop, perturbation_proof, proven_days, rebuilt_matrix
from training.perturbation.alterations import link_day
from training.rows import Dataset, build_label_versions, build_training_set
from validation.definition import GateLimits
from validation.gates import PerturbationEvidence, perturbation_finding
from validation.verdict import markdown

SCALE = Scale(users=300, videos=1_200, days=5, impressions=20_000, creators=60, categories=8, regions=3)
FIRST, LAST = SCALE.start.date(), (SCALE.end - timedelta(days=1)).date()
CUTS, SEEDS = 3, (0,)
LIMITS = GateLimits(baselines=(), min_perturbed=100)


def measure(folder: Path) -> Proof:
    """Five simulated days: honest rows over several cuts, then each leaky builder."""
    at = Installation(HOME_FEED, Settings(home=folder / "home", replay_from=SCALE.end))
    deliver(World.make(SCALE).history(), SCALE, at.settings.landing)
    if not execute(at, "ingest", FIRST, LAST, print).success:
        return Proof("the simulated events could not be ingested", False)
    honest = release_inputs(at).workshop
    rows = built(honest, at)
    days = [day for seed in SEEDS for day in proven_days(honest, rows, CUTS, seed)]
    target, item = HOME_FEED.task.target, HOME_FEED.task.item
    spoilt = {name: spoil(rows, target, item) for name, spoil in SPOILT.items()}
    refused = [(name, *outcome(perturbation_proof(honest, bad, 0))) for name, bad in spoilt.items()]
    for name, builder in BUILDERS.items():
        leaky = elsewhere(honest, folder / name.replace(" ", "_"))
        with builder():
            refused.append((name, *outcome(perturbation_proof(leaky, built(leaky, at), 0, rebuild=rebuilt_matrix))))
    passed = all(day.passed for day in days) and all(answer == "REFUSED" for _, answer, _ in refused)
    return Proof(text(rows, days, refused), passed)


def built(workshop: Workshop, at: Installation) -> Dataset:
    """The training set, from features that are published anew by whatever builder there is now."""
    from feature_repo.stores import open_store  # Feast sets up Prometheus for itself: the service's metrics come first

    where = (workshop.spark, workshop.lake, workshop.features, workshop.by_name)
    publish_states(*where, FIRST, LAST)
    publish_profiles(*where, FIRST, LAST)
    labels = (workshop.task, workshop.features, workshop.by_name, at.as_of(LAST), FIRST, LAST)
    versions = build_label_versions(workshop.spark, workshop.lake, *labels)
    return build_training_set(
        versions, open_store(workshop.settings, workshop.features), workshop.features, workshop.task
    )


def elsewhere(workshop: Workshop, home: Path) -> Workshop:
    """The same tables in another home, where nothing was published yet."""
    settings = workshop.settings.model_copy(update={"home": home})
    for table in workshop.tables:
        for day in workshop.lake.days(f"tables/{table.name}"):
            link_day(workshop.lake, Lake(settings.lake), f"tables/{table.name}", day)
    return Workshop(settings, Lake(settings.lake), workshop.features, workshop.task, workshop.tables)


def outcome(evidence: PerturbationEvidence) -> tuple[str, str]:
    """What the gate says of a proof, and why."""
    finding = perturbation_finding(evidence, LIMITS)
    return ("passed" if finding.passed else "REFUSED"), finding.reason


def text(rows: Dataset, days: list[ProvenDay], refused: list[tuple[str, str, str]]) -> str:
    """The section in Markdown."""
    sampled = sum(day.evidence.before for day in days)
    labels = sum(day.labels for day in days)
    head = (
        f"{len(rows.frame):,} training rows of five simulated days. At each cut a third of everything that was "
        f"received later is deleted, a third altered, and altered copies of it and of earlier rows arrive late. "
        f"{sampled:,} sampled rows and {labels:,} labels were built again."
    )
    parts = [head, markdown(days[0].HEAD, [day.row() for day in days]), "Each of these has to be refused:"]
    return "\n\n".join([*parts, markdown(("planted", "outcome", "why"), refused)])


PERTURBATION = Section("perturbation", "What came later changes nothing that was learned from", measure)
