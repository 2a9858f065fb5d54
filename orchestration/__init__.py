"""When and in what order: assets, checks, jobs, schedules, sensors and the command line."""
