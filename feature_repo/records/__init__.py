"""Packed records: one per entity and view in Redis, as bytes that serving reads without Feast."""
