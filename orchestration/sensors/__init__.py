"""Dagster sensors: landed files, the registry, confirmed drift, failed runs."""
