"""A system of one's own from a folder of files: a look at them, choices, and the package that is written."""

from orchestration.scaffolding.choices import Choices, Said, choose
from orchestration.scaffolding.lengths import length
from orchestration.scaffolding.looking import FolderSeen, look_at
from orchestration.scaffolding.package import Written, check_name, write_package
from orchestration.scaffolding.plain_files import (
    Constant,
    Delivered,
    Digest,
    Moment,
    Number,
    PlainFiles,
    deliver,
    deliver_command,
)
from orchestration.scaffolding.sketch import Sketch, sketch_of

__all__ = [
    "Choices",
    "Constant",
    "Delivered",
    "Digest",
    "FolderSeen",
    "Moment",
    "Number",
    "PlainFiles",
    "Said",
    "Sketch",
    "Written",
    "check_name",
    "choose",
    "deliver",
    "deliver_command",
    "length",
    "look_at",
    "sketch_of",
    "write_package",
]
