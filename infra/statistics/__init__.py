"""Statistics that several floors ask for: the area under a curve, resampling by cluster."""
