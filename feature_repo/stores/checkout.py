"""The settings that Feast's own commands see."""

from pathlib import Path

from infra.settings import Settings

CHECKOUT = Path(__file__).parents[2]


def repository_settings() -> Settings:
    """The settings for Feast's own commands, which run in this folder: a relative home is the checkout's."""
    settings = Settings()
    return settings.model_copy(update={"home": CHECKOUT / settings.home})
