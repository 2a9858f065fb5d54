"""The outcomes, contenders and embedding of each system."""
