"""How the process stands bodies of megabytes that come and go: settled once, when everything is loaded."""

from __future__ import annotations

import ctypes
import gc
import sys

from cds_service.decisions.collector import spare_the_collector

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of glibc's mallopt
_SWITCH_SECONDS = 0.001
"""How long the thread of long bodies may keep the event loop waiting, once and again, for the interpreter."""
_KEPT_BYTES = 32 * 1_048_576


def settle() -> None:
    """Call in each worker, before the first request."""
    spare_the_collector()
    _keep_freed_memory()
    sys.setswitchinterval(_SWITCH_SECONDS)


def settle_again() -> None:
    """Call when what was loaded is replaced: what is kept from the collector would stay for ever otherwise."""
    gc.unfreeze()
    spare_the_collector()


def _keep_freed_memory() -> None:
    """By itself glibc hands the memory of a long body back, and takes it anew page by page for the next one."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return
    mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
