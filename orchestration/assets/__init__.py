"""The assets of each stage: nouns whose body is one call."""

from typing import TypeAlias

import dagster as dg

Result: TypeAlias = dg.MaterializeResult[None]
