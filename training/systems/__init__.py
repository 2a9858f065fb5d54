"""The label, objective and contenders of each system."""
