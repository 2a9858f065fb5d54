"""What followed the rows of a day, once it is known: the live merit of each release that served it, as evidence."""

from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from infra.errors import FlywheelError
from infra.lake import days_from
from monitoring import outcomes
from monitoring.definition import Watch
from monitoring.outcomes import OutcomeReport
from monitoring.retrain import WindowEvidence
from orchestration.maturing import comes_late, maturing
from orchestration.observed import Observed
from orchestration.system import Installation
from training.fitting import acts_from

MEASURED = {"merit drop", "as promised"}


def days_to_judge(installation: Installation, first: date, last: date) -> list[date]:
    """The days of a run; where labels come late, then also those that have become mature on its days."""
    days = days_from(first, last)
    return [*(day for day in days if day not in (late := maturing(installation.system.task, first, last))), *late]


def outcomes_of(installation: Installation, watch: Watch, day: date) -> dict[str, Any] | None:
    """The outcomes of a day, or of the window of days that it ends: every release against its own promise.

    The evidence about a release counts for decisions only while it is live. None before there is a release, and for a
    day without rows.
    """
    live = installation.registry.live()
    if live is None:
        return None
    if installation.now() < (mature := installation.system.task.matures(day)):
        return _immature(day, mature) if _served(installation, [day], matured=False) else None
    window = days_from(day - timedelta(days=watch.outcome_days - 1), day)
    served = _served(installation, window, matured=True)
    if not served:
        return None
    versions = sorted({version for each in served for version in each.releases}) or [live]
    report = measured(installation, watch, served, versions)
    evidence = [_evidence(installation, day, version, report, watch) for version in versions]
    not_live = [f"{e.release}: {e.detail}" for e in evidence if e.present and e.release != live]
    facts = report.facts() | ({"dropped, not live any more": "; ".join(not_live)} if not_live else {})
    return {"facts": facts, "table": report.markdown(), "evidence": evidence, "report": report}


def measured(installation: Installation, watch: Watch, served: list[Observed], versions: list[str]) -> OutcomeReport:
    """Each release's figures beside what was recorded with it; one whose files are gone is compared with nothing."""
    frame = pd.concat([each.outcome_frame(installation, *versions) for each in served], ignore_index=True)
    promised, points = {}, {}
    for version in versions:
        try:
            points[version] = acts_from(installation.registry.folder(version))
            promised[version] = installation.registry.promised(version)
        except FlywheelError:  # retention removed it: nobody knows from which score on it acted
            frame = frame[frame["release"] != version]
    return outcomes.measure(frame, promised, watch, installation.system.task.objective, points)


def _evidence(
    installation: Installation, day: date, version: str, report: OutcomeReport, watch: Watch
) -> WindowEvidence:
    """What a day says of a release that served it: found when its labels were known."""
    part, task = report.of(version), installation.system.task
    tells = part is not None and part.finding in MEASURED
    present = part.finding == "merit drop" if part is not None and tells else None
    clear = part.drop <= watch.clear_below * watch.max_merit_drop if part is not None and tells else None
    at = min(task.matures(day), installation.now()) if comes_late(task) else installation.as_of(day)
    detail = f"{day}, release {version}: {report.reason(version)}"
    return WindowEvidence(f"merit {day} {version}", "merit drop", at, version, present, detail, clear)


def _served(installation: Installation, days: list[date], *, matured: bool) -> list[Observed]:
    loaded = (Observed.load(installation, day, matured=matured) for day in days)
    return [each for each in loaded if each is not None]


def _immature(day: date, mature: datetime) -> dict[str, Any]:
    """What is said of a day whose outcomes are still to come: nothing is measured, and nothing counts as evidence."""
    known = f"the outcomes of {day} are known at {mature:%Y-%m-%d %H:%M} UTC"
    reason = f"{known}; measure them then (`flywheel run monitor --day {day}`)"
    return {"facts": {"finding": "not mature yet", "reason": reason}, "table": reason}
