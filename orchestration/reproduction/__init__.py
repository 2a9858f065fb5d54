"""What was logged or released, made again and compared: an answer's scores, a release's model."""

from orchestration.reproduction.answer import HEAD as ANSWER_HEAD
from orchestration.reproduction.answer import Replay, replayed
from orchestration.reproduction.logged_answer import logged_answer
from orchestration.reproduction.release_model import HEAD as MODEL_HEAD
from orchestration.reproduction.release_model import Rebuild, rebuilt

__all__ = ["ANSWER_HEAD", "MODEL_HEAD", "Rebuild", "Replay", "logged_answer", "rebuilt", "replayed"]
