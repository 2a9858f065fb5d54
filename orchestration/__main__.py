"""`python -m orchestration` is the `flywheel` command."""

from orchestration.cli import main

main()
