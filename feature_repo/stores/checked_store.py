"""Feast's store with checks of questions, so that a wrong one gets a clear error before Feast's own code fails."""

from collections.abc import Mapping, Sequence
from typing import Any

from feast import FeatureStore

from infra.errors import DefinitionError
from validation.contract import unknown


class CheckedStore(FeatureStore):  # type: ignore[misc]
    """The same calls; a question that names an unknown view or field, or lacks a key, raises DefinitionError."""

    def get_historical_features(self, entity_df: Any = None, features: Any = (), *more: Any, **named: Any) -> Any:
        """As Feast's."""
        self._check(features)
        return super().get_historical_features(entity_df, features, *more, **named)

    def get_online_features(self, features: Any, entity_rows: Any, *more: Any, **named: Any) -> Any:
        """As Feast's."""
        views = self._check(features)
        if isinstance(entity_rows, Sequence):
            keys = sorted({key for view in views for key in self.get_feature_view(view).join_keys})
            _check_rows(entity_rows, keys)
        return super().get_online_features(features, entity_rows, *more, **named)

    def _check(self, features: Any) -> list[str]:
        """The views of the named features; raises DefinitionError for unknown ones."""
        if not isinstance(features, Sequence) or isinstance(features, str):
            return []
        if not features:
            raise DefinitionError("features: none is named. Ask as in `view:field`.")
        views = {view.name: [field.name for field in view.features] for view in self.list_feature_views()}
        views |= {view.name: [field.name for field in view.features] for view in self.list_on_demand_feature_views()}
        named = [str(feature).partition("@")[0].partition(":")[0] for feature in features]
        for feature, view in zip(features, named, strict=True):
            field = str(feature).rpartition(":")[2]
            if ":" not in str(feature):
                raise DefinitionError(f"features: `{feature}` is no view and field, as in `view:field`.")
            if view not in views:
                raise DefinitionError(f"features: view {unknown(view, views)}")
            if field not in views[view]:
                raise DefinitionError(f"features: in view {view}, field {unknown(field, views[view])}")
        return [view for view in dict.fromkeys(named) if view in {v.name for v in self.list_feature_views()}]


def _check_rows(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
    if not rows:
        raise DefinitionError(f"entity rows: there are none. Give at least one, with {', '.join(keys)}.")
    for number, row in enumerate(rows):
        lacking = [key for key in keys if row.get(key) is None]
        if lacking:
            raise DefinitionError(f"entity row {number}: no value for {', '.join(lacking)}; it has {dict(row)}.")
