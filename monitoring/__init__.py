"""Is it still true: drift, skew, outcomes, and the decision to retrain."""
