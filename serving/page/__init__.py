"""A page: candidates, filters, re-ranking, exploration, and the ladder of answers."""
