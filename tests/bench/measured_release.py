"""The release that is measured: forty of the feed's features, three hundred trees learnt from a catalogue."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from feature_repo.definition import FeatureSet
from feature_repo.recipe import recipe_of
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.manifest import write_manifest
from serving.definition import Policy
from serving.policy_json import to_json
from serving.systems.home_feed import HOME_FEED as POLICY
from tests.bench import placed
from tests.bench.catalogue import NOW, REGIONS, Catalogue
from tests.bench.examples import examples
from tests.signed import point

# Forty: of each kind, and of each family of counters, those with a user and something else above all.
NAMES = (
    "user_shown_1h", "user_shown_30d", "user_long_view_rate_1d", "user_long_view_rate_30d", "user_watched_rate_30d",
    "video_shown_1h", "video_shown_1d", "video_shown_30d", "video_long_view_1d", "video_click_rate_30d",
    "video_long_view_rate_1h", "video_long_view_rate_1d", "video_long_view_rate_30d", "video_watched_rate_30d",
    "video_completed_rate_30d", "video_praise_rate_30d", "video_reject_rate_30d",
    "creator_shown_30d", "creator_long_view_rate_30d", "creator_praise_rate_30d",
    "category_long_view_rate_1d", "region_category_long_view_rate_7d",
    "user_category_shown_30d", "user_category_long_view_rate_1h", "user_category_long_view_rate_30d",
    "user_category_watched_rate_30d", "user_category_reject_rate_30d",
    "user_creator_shown_30d", "user_creator_long_view_rate_30d", "user_creator_praise_rate_30d",
    "length_long_view_rate_7d", "user_length_shown_30d", "user_length_long_view_rate_30d",
    "video_age", "video_duration", "same_language", "account_age", "hour", "device", "position",
)  # fmt: skip
MEASURED = replace(FEATURES, features=tuple(f for f in FEATURES.features if f.name in NAMES))
LISTED = 500


def build(registry: Path, catalogue: Catalogue, policy: Policy = POLICY) -> dict[str, Any]:
    """Write the release into a registry's folder and promote it; returns what is worth knowing of its model."""
    folder = registry / "1"
    folder.mkdir(parents=True)
    facts = _model(folder, catalogue)
    (folder / "recipe.json").write_bytes(recipe_of(MEASURED))
    (folder / "popular.json").write_text(json.dumps(_lists(catalogue)))
    (folder / "policy.json").write_bytes(to_json(policy))
    placed.place(folder, catalogue)
    promote(folder)
    return facts


def with_policy(registry: Path, version: str, policy: Policy, of: str = "1") -> None:
    """Promote a copy of a release that follows another policy."""
    folder = registry / version
    shutil.copytree(registry / of, folder)
    (folder / "manifest.json").unlink()
    (folder / "policy.json").write_bytes(to_json(policy))
    promote(folder)


def promote(folder: Path, kind: str = "xgboost", features: FeatureSet = MEASURED) -> None:
    """Write a release's manifest, and make the registry's pointer name it."""
    write_manifest(
        folder, system=POLICY.service.name, version=folder.name, created_at=NOW, kind=kind,
        features=[f.name for f in features.features], dataset_digest="measured",
    )  # fmt: skip
    point(folder.parent, folder.name)


def _model(folder: Path, catalogue: Catalogue) -> dict[str, Any]:
    import xgboost

    rows, liked = examples(catalogue, MEASURED.features)
    data = xgboost.QuantileDMatrix(rows, liked, max_bin=64)
    asked = {
        "objective": "binary:logistic", "tree_method": "hist", "max_depth": catalogue.scale.depth, "eta": 0.05,
        "min_child_weight": 5, "max_bin": 64, "seed": catalogue.scale.seed,
        "nthread": 1,  # two would spin where others compute
    }  # fmt: skip
    booster = xgboost.train(asked, data, catalogue.scale.trees)
    booster.save_model(folder / "model.ubj")
    np.savez(folder / "golden.npz", inputs=rows[:200], scores=booster.inplace_predict(rows[:200]))
    leaves = sum(tree.count("leaf") for tree in booster.get_dump())
    return {
        "features": len(MEASURED.features), "trees": catalogue.scale.trees, "depth": catalogue.scale.depth,
        "leaves_per_tree": round(leaves / catalogue.scale.trees, 1), "trained_on_rows": len(rows),
    }  # fmt: skip


def _lists(catalogue: Catalogue) -> dict[str, Any]:
    fields = catalogue.fields("video_profile")
    names = catalogue.names["video_id"]
    shown = [int(i) for i in np.flatnonzero(catalogue.live & (catalogue.only_in < 0))]
    watched = catalogue.states["video"].values[:, 0]
    popular = sorted(shown, key=lambda i: -watched[i])[:LISTED]
    fresh = sorted(shown, key=lambda i: -catalogue.uploaded[i])[:LISTED]
    listed_fields = [name for name in fields if name not in {"length_class", "language", "duration_s", "uploaded_at"}]
    items = {names[i]: {name: fields[name][i] for name in listed_fields} for i in dict.fromkeys([*popular, *fresh])}
    all_names = [names[i] for i in popular]
    return {
        "all": all_names,
        "by_group": dict.fromkeys(REGIONS, all_names),
        "fresh": [names[i] for i in fresh],
        "items": items,
    }
