"""A lake of its own for each test; the invented table in parcels.py can be imported by name."""

import sys
from pathlib import Path

import pytest

from infra.lake import Lake

sys.path.insert(0, str(Path(__file__).parent))  # tests run in importlib mode, which adds no folder by itself


@pytest.fixture
def lake(tmp_path):
    """An empty lake."""
    return Lake(tmp_path / "lake")
