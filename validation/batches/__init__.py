"""Batches: each row judged, accepted or quarantined, and counted in the ledger."""
