"""Compile every loop of the service once, so that no worker has to: `python -m serving.fill_loop_cache`.

Run when an image is built; elsewhere the first start does it.
"""

import serving.online  # noqa: F401  imports every loop
from infra import loops, private_files

if __name__ == "__main__":
    private_files.from_now_on()
    loops.prepare()
