"""A release that decides cases, in memory; and how one case becomes the model's input."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from feature_repo.assembly import Plan
from feature_repo.definition import FeatureSet
from feature_repo.recipe import Recipe, read_recipe
from feature_repo.request_time import Counters, Inputs
from infra.arrays import Float32s
from infra.errors import FlywheelError, ReleaseMismatch
from infra.release_format import OPERATING_POINT, POLICY, RECIPE, read_operating_point
from serving.asker import CaseState
from serving.case_policy import CasePolicy, ServedCases, must_fit_cases
from serving.items import NUMBERS
from serving.model.features import must_agree, must_last_alike
from serving.model.scorer import Scorer
from serving.model.trial import prove
from serving.policy_json import cases_from_json, with_deployed
from validation.contract import unknown


class CaseBuilder:
    """Builds the input of one release; raises ReleaseMismatch for features this checkout keeps no states of."""

    def __init__(self, recipe: Recipe, defined: FeatureSet) -> None:
        self.features = recipe.features
        reads = {name for feature in recipe.features for name in feature.reads()}
        counters = {f"{v.name}.{c}": v for v in defined.counter_views for c in v.counters}
        fields = {f"{v.name}.{f}": kind for v in defined.profile_views for f, (kind, _) in v.fields.items()}
        for name in sorted(reads - counters.keys() - fields.keys()):
            raise ReleaseMismatch(f"its features: {unknown(name, {**counters, **fields})} Retrain or roll back.")
        must_last_alike(recipe, defined)
        must_agree(recipe, {counters[name].name: counters[name] for name in reads & counters.keys()})
        views = {v.name: v for name, v in counters.items() if name in reads}
        self._decays = {name: (view.counters, np.array(view.half_lives)) for name, view in views.items()}
        self._none = {
            name: Counters(np.zeros((1, len(view.counters)), dtype=np.float32), np.full(1, np.nan), *self._decays[name])
            for name, view in views.items()
        }
        self._numeric = {name: kind in NUMBERS for name, kind in fields.items() if name in reads}
        self._plan = Plan(recipe.features, self._decays, recipe.ttl_s)

    def matrix(self, given: Mapping[str, Any], state: CaseState) -> Float32s:
        """The model's input (1, features) float32, all counters decayed to the moment of the case."""
        counters = {
            name: Counters(own.values, own.at, *self._decays[name])
            if (own := state.counters.get(name)) is not None else none
            for name, none in self._none.items()
        }  # fmt: skip
        fields = {
            name: np.array([state.fields.get(name)], dtype=np.float64 if numeric else object)
            for name, numeric in self._numeric.items()
        }
        context = {name: np.array([value], dtype=object) for name, value in given.items()}
        context |= {name: np.array([value]) for name, value in state.recent.items()}
        return self._plan.matrix(Inputs(1, np.array([state.at]), counters, fields, context))


@dataclass(frozen=True, slots=True)
class CaseRelease:
    """A proven release, loaded. `act_from` is its operating point: None where it has none, or acting is never worth it.

    needs_deployment  names of the values that the release wants to be others than this checkout sets
    """

    version: str
    policy: CasePolicy
    scorer: Scorer
    builder: CaseBuilder
    act_from: float | None
    ranker: str = ""
    needs_deployment: tuple[str, ...] = ()


def load_cases(folder: Path, served: ServedCases) -> CaseRelease:
    """The release in a folder, proven; raises ReleaseMismatch with the reason when it cannot serve here."""
    try:
        manifest, scorer = prove(folder)
        recipe = read_recipe((folder / RECIPE).read_bytes())
        policy, needs_deployment = _policy(folder, served)
        act_from = read_operating_point(folder).act_from if (folder / OPERATING_POINT).exists() else None
        builder = CaseBuilder(recipe, served.features)
    except (OSError, ValueError, KeyError, FlywheelError) as refused:
        raise ReleaseMismatch(f"release {folder.name}: {refused or type(refused).__name__}") from refused
    if recipe.names != manifest.features:
        raise ReleaseMismatch(
            f"release {manifest.version}: its recipe makes {len(recipe.names)} features, its manifest names "
            f"{len(manifest.features)} or others. Build it again."
        )
    ranker = manifest.ranker or manifest.kind
    return CaseRelease(manifest.version, policy, scorer, builder, act_from, ranker, needs_deployment)


def _policy(folder: Path, served: ServedCases) -> tuple[CasePolicy, tuple[str, ...]]:
    """The release's policy with this checkout's values where those hold, and what in it needs a deployment."""
    path = folder / POLICY
    if not path.exists():
        return served.policy, ()
    policy, differ = with_deployed(cases_from_json(path.read_bytes()), served.policy)
    must_fit_cases(policy, served)
    return policy, differ
