"""`python -m orchestration` is the `flywheel` command."""

from orchestration.commands import main

main()
