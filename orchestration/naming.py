"""What a system's assets, jobs, schedules and sensors are called in Dagster.

Those of the default system have plain names, such as `states` and `train`. Those of another one carry its name: assets
as key prefix (`fraud/states`), all else with an underscore (`fraud_train`). So all can stand in one code location.
"""

from typing import TYPE_CHECKING

from infra.systems import DEFAULT

if TYPE_CHECKING:
    import dagster as dg


def key(system: str, asset: str) -> list[str]:
    """The path of an asset's key."""
    return [asset] if system == DEFAULT else [system, asset]


def beside(asset: "dg.AssetKey", name: str) -> "dg.AssetKey":
    """The key of another asset of the same system."""
    import dagster as dg

    return dg.AssetKey([*asset.path[:-1], name])


def called(system: str, name: str) -> str:
    """The name of a job, a schedule, a sensor or a group of assets."""
    return name if system == DEFAULT else f"{system}_{name}"


def as_called(system: str, assets: "list[dg.AssetsDefinition]") -> "list[dg.AssetsDefinition]":
    """Assets under the keys and in the groups of a system; they depend on each other as before."""
    import dagster as dg

    if system == DEFAULT:
        return assets
    keys = {own: dg.AssetKey([system, *own.path]) for asset in assets for own in (*asset.keys, *asset.dependency_keys)}
    return [
        asset.with_attributes(asset_key_replacements=keys).map_asset_specs(
            lambda spec: spec.replace_attributes(group_name=called(system, spec.group_name or "default"))
        )
        for asset in assets
    ]
