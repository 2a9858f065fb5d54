"""`python -m orchestration` is the `flywheel` command."""

from orchestration.commands.cli import main

main()
