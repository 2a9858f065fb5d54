"""A release in memory: everything that one answer takes from one release."""

from dataclasses import dataclass
from pathlib import Path

from feature_repo.recipe import read_recipe
from infra.errors import FlywheelError, ReleaseMismatch
from infra.release_format import POLICY, RECIPE, Popular, read_popular
from serving.definition import Policy, ReleasePolicy, Served, must_fit
from serving.items import ItemStates
from serving.model.features import Builder
from serving.model.nearest import NearestItems
from serving.model.scorer import Scorer
from serving.model.trial import prove
from serving.policy_json import from_json, need_deployment


@dataclass(frozen=True, slots=True)
class Release:
    """A proven release, loaded.

    ranker            the contender that ranks: a model, or a baseline that nothing beats
    needs_deployment  names of the values of the service that the release wants to be others than this checkout sets
    """

    version: str
    policy: ReleasePolicy
    scorer: Scorer
    builder: Builder
    popular: Popular
    nearest: NearestItems | None
    ranker: str = ""
    needs_deployment: tuple[str, ...] = ()


def load(folder: Path, served: Served, states: ItemStates) -> Release:
    """The release in a folder, proven; raises ReleaseMismatch with the reason when it cannot serve here."""
    try:
        manifest, scorer = prove(folder)
        recipe = read_recipe((folder / RECIPE).read_bytes())
        popular = read_popular(folder)
        policy, needs_deployment = _policy(folder, served)
        nearest = NearestItems.of(folder, states, served)
    except (OSError, ValueError, KeyError, FlywheelError) as refused:
        raise ReleaseMismatch(f"release {folder.name}: {refused or type(refused).__name__}") from refused
    if recipe.names != manifest.features:
        raise ReleaseMismatch(
            f"release {manifest.version}: its recipe makes {len(recipe.names)} features, its manifest names "
            f"{len(manifest.features)} or others. Build it again."
        )
    builder = Builder(recipe, served.features, policy, states)
    ranker = manifest.ranker or manifest.kind
    return Release(manifest.version, policy.release, scorer, builder, popular, nearest, ranker, needs_deployment)


def _policy(folder: Path, served: Served) -> tuple[Policy, tuple[str, ...]]:
    """The release's own part with this checkout's service part, and what in the release needs a deployment."""
    path = folder / POLICY
    written = from_json(path.read_bytes()) if path.exists() else served.policy
    must_fit(written, served.features)
    if written.service.names != served.policy.service.names:
        raise ReleaseMismatch(
            "its policy names requests otherwise than this service. Deploy the service of that release."
        )
    policy = Policy(served.policy.service, written.release)
    must_fit(policy, served.features)
    return policy, tuple(need_deployment(written, served.policy))
