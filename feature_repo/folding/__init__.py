"""Folding events into decayed counters: contributions, states, snapshots, profiles."""
