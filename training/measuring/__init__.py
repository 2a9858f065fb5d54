"""Measures of a contender, each with its interval, and of the lists it would show."""
