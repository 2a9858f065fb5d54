"""One case decided: rules, score, steps, lot and queue; or a number said of it."""

from serving.deciding.answers import Answers, digest_of
from serving.deciding.deciding import action_of
from serving.deciding.decision import Case, Decision
from serving.deciding.ladder import CaseLadder
from serving.deciding.review_queue import Review, ReviewQueue
from serving.deciding.rules import Facts, decays
from serving.deciding.rungs import FULL, KNOWING, STALE
from serving.deciding.saying import held
from serving.deciding.scoring import CaseReleases
from serving.deciding.slots import Slots, day_of

__all__ = [
    "FULL",
    "KNOWING",
    "STALE",
    "Answers",
    "Case",
    "CaseLadder",
    "CaseReleases",
    "Decision",
    "Facts",
    "Review",
    "ReviewQueue",
    "Slots",
    "action_of",
    "day_of",
    "decays",
    "digest_of",
    "held",
]
