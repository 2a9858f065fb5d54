"""What a system's assets, jobs, schedules and sensors are called in Dagster.

Those of the default system have plain names, such as `states` and `train`. Those of another one carry its name: assets
as key prefix (`fraud/states`), all else with an underscore (`fraud_train`). So all can stand in one code location.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from infra.systems import DEFAULT

if TYPE_CHECKING:
    import dagster as dg

    Decorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]


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


def asset_of(system: str) -> "Callable[..., Decorator]":
    """Dagster's `asset` decorator for assets of a system: what names an asset or a group is written without prefix."""
    import dagster as dg

    def asset(
        *,
        name: str,
        group_name: str,
        deps: Iterable[str] = (),
        check_specs: Iterable[dg.AssetCheckSpec] = (),
        **more: Any,
    ) -> "Decorator":
        own = dg.AssetKey(key(system, name))
        decorated: Decorator = dg.asset(
            key=own,
            group_name=called(system, group_name),
            deps=[dg.AssetKey(key(system, dep)) for dep in deps],
            check_specs=[spec.replace_key(dg.AssetCheckKey(own, spec.name)) for spec in check_specs],
            **more,
        )
        return decorated

    return asset
