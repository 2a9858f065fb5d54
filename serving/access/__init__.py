"""Who may ask: roles, keys, signed tokens, and what a refused caller is told."""
