"""A release in memory: everything one answer needs to be consistent with itself."""

from dataclasses import dataclass
from pathlib import Path

from feature_repo.recipe import read_recipe
from infra.errors import FlywheelError, ReleaseMismatch
from infra.release_format import POLICY, RECIPE, Popular, read_popular
from serving import definition
from serving.definition import Policy, Served
from serving.items import ItemStates
from serving.model.features import Builder
from serving.model.nearest import NearestItems
from serving.model.scorer import Scorer
from serving.model.trial import prove


@dataclass(frozen=True, slots=True)
class Release:
    """A proven release, loaded. `ranker` is the contender that ranks: a model, or a baseline that nothing beats."""

    version: str
    policy: Policy
    scorer: Scorer
    builder: Builder
    popular: Popular
    nearest: NearestItems | None
    ranker: str = ""


def load(folder: Path, served: Served, states: ItemStates) -> Release:
    """The release in a folder, proven; raises ReleaseMismatch with the reason when it cannot serve here."""
    try:
        manifest, scorer = prove(folder)
        recipe = read_recipe((folder / RECIPE).read_bytes())
        popular = read_popular(folder)
        policy = _policy(folder, served)
        nearest = NearestItems.of(folder, states, served)
    except (OSError, ValueError, KeyError, FlywheelError) as refused:
        raise ReleaseMismatch(f"release {folder.name}: {refused or type(refused).__name__}") from refused
    if recipe.names != manifest.features:
        raise ReleaseMismatch(
            f"release {manifest.version}: its recipe makes {len(recipe.names)} features, its manifest names "
            f"{len(manifest.features)} or others. Build it again."
        )
    builder = Builder(recipe, served.features, policy, states)
    return Release(manifest.version, policy, scorer, builder, popular, nearest, manifest.ranker or manifest.kind)


def _policy(folder: Path, served: Served) -> Policy:
    path = folder / POLICY
    policy = definition.from_json(path.read_bytes()) if path.exists() else served.policy
    definition.must_fit(policy, served.features)
    if policy.names != served.policy.names:
        raise ReleaseMismatch(
            "its policy names requests otherwise than this service. Deploy the service of that release."
        )
    return policy
