"""Why somebody saw something: a page or a case that was answered days ago, with all that is known of it."""

from datetime import date

from infra.errors import DefinitionError
from orchestration.system import Installation
from orchestration.why.case import why_case
from orchestration.why.explanation import Influence, Why, WhyCase, WhyItem
from orchestration.why.page import why_page
from serving.definition import Policy


def why(installation: Installation, request: str, item: str | None = None, day: date | None = None) -> Why:
    """Why a page (by its request, or one item of it) or a case (by its key) was answered so.

    day  the day on which it was received; without it every day is looked through, the newest first
    """
    if isinstance(installation.system.policy, Policy):
        return why_page(installation, request, item, day)
    if item is not None:
        raise DefinitionError(f"{installation.system.name} decides cases: a case has no items. Leave `{item}` out.")
    return why_case(installation, request, day)


__all__ = ["Influence", "Why", "WhyCase", "WhyItem", "why"]
