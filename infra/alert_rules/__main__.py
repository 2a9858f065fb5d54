"""Writes the rules of the objectives to standard output."""

import sys

from infra.alert_rules.burn_rates import objectives_yaml

if __name__ == "__main__":
    sys.stdout.write(objectives_yaml())
