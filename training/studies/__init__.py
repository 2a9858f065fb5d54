"""Studies: what a contender's figures rest on. Their cost is bounded, and none changes what is released."""

from training.studies.costs import GroupCost, group_costs
from training.studies.groups import GroupStudy, feature_groups, leave_groups_out
from training.studies.page import Study, StudyPage, page_of, write_page
from training.studies.refits import Refits, before_judging, thinned
from training.studies.search import SearchOutcome, search_settings
from training.studies.seeds import SeedStudy, seed_noise
from training.studies.staleness import AGES, StalenessStudy, model_staleness

__all__ = [
    "AGES",
    "GroupCost",
    "GroupStudy",
    "Refits",
    "SearchOutcome",
    "SeedStudy",
    "StalenessStudy",
    "Study",
    "StudyPage",
    "before_judging",
    "feature_groups",
    "group_costs",
    "leave_groups_out",
    "model_staleness",
    "page_of",
    "search_settings",
    "seed_noise",
    "thinned",
    "write_page",
]
