"""Each system as one value."""
