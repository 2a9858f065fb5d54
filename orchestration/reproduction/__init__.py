"""What was logged or released, made again and compared: an answer's scores, a release's model."""

from orchestration.reproduction.answer import HEAD as ANSWER_HEAD
from orchestration.reproduction.answer import NOT_HELD, Replay, release_folder, replayed
from orchestration.reproduction.answer_log import LoggedAnswer, logged_answer, logged_case
from orchestration.reproduction.release_model import HEAD as MODEL_HEAD
from orchestration.reproduction.release_model import Rebuild, rebuilt

__all__ = [
    "ANSWER_HEAD",
    "MODEL_HEAD",
    "NOT_HELD",
    "LoggedAnswer",
    "Rebuild",
    "Replay",
    "logged_answer",
    "logged_case",
    "rebuilt",
    "release_folder",
    "replayed",
]
