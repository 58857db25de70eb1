"""What the garbage collector need not look at."""

from __future__ import annotations

import gc


def spare_the_collector() -> None:
    """Call when what stays is loaded: looking through it again and again would cost more than reading charts does.

    What is read from JSON has no cycles, and goes without the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
