"""The invented table in parcels.py can be imported by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # tests run in importlib mode, which adds no folder by itself
