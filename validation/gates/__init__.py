"""Gates: what a release has to prove, and the verdict that says so."""
