"""Python's garbage collector in a process that answers requests."""

import gc


def spare_the_collector() -> None:
    """Exempt what exists now from garbage collection, and collect what requests leave more rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
