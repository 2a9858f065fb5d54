"""The features of each system."""
