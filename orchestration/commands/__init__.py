"""The command line: the `flywheel` commands and their output."""
