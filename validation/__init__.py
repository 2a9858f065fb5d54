"""What data must look like and what a model must prove."""
