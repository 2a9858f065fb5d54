"""Labels, point-in-time training sets, rankers, evaluation and the registry."""
