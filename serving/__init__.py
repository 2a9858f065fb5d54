"""The online path: one service that ranks, remembers and degrades."""
