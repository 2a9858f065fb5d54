"""What Dagster looks out for: landed files, the registry, evidence of monitoring."""
