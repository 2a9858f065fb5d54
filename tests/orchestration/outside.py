"""Systems that stand outside of the repository, each a package in a folder of its own."""

from pathlib import Path

SECOND = """
from dataclasses import replace
from orchestration.systems.home_feed import HOME_FEED
from {name}.serving import SERVED
{name_upper} = replace(HOME_FEED, name="{name}", features=SERVED.features, policy=SERVED.policy)
"""
SERVED = """
from dataclasses import replace
import msgspec
from serving.systems.home_feed import SERVED as FEED
policy = msgspec.structs.replace(FEED.policy, service=msgspec.structs.replace(FEED.policy.service, name="{name}"))
SERVED = replace(FEED, policy=policy, features=replace(FEED.features, name="{name}"))
"""


def feed_again(folder: Path, name: str) -> str:
    """A package whose system decides as the home feed does, under another name; returns the path of its System."""
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f'"""{name}: another feed."""\n')
    (package / "serving.py").write_text(SERVED.format(name=name))
    (package / "system.py").write_text(SECOND.format(name=name, name_upper=name.upper()))
    (package / "README.md").write_text(f"# {name}\n")
    return f"{name}.system:{name.upper()}"


def payments(folder: Path, name: str) -> str:
    """A package with the small fraud system of the tests under another name, which is served by nothing."""
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    text = Path(__file__).with_name("fraud.py").read_text()
    (package / "system.py").write_text(text.replace('name="fraud"', f'name="{name}"'))
    return f"{name}.system:FRAUD"
