"""Limits: deadlines, breakers, admission, load shedding, rates, connections a peer."""
