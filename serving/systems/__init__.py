"""The policy of each system."""
