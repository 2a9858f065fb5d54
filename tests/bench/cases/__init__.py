"""One case decided: 40 features, 300 trees; and the obvious stack for the same."""
