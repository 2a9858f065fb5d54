"""Monitoring of what is live: drift, skew, outcomes, and the decision to retrain."""
