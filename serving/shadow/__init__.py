"""The release on trial in the shadow: it scores what the champion has answered, and nobody waits for it."""

from serving.shadow.cases import ShadowCases
from serving.shadow.pages import ShadowPages
from serving.shadow.shadow import FOLDER, Shadow, shadow_of
from serving.shadow.shadow_row import ShadowRow

__all__ = ["FOLDER", "Shadow", "ShadowCases", "ShadowPages", "ShadowRow", "shadow_of"]
