"""What everything runs on: settings, clock, errors, the lake's files, Spark and Redis as processes."""
