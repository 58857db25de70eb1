"""Waiting for the disk, by the name that each system has for it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

_FULL = getattr(fcntl, "F_FULLFSYNC", None)


def sync(descriptor: int) -> None:
    """Returns once what was written is on the disk; OSError where that fails.

    macOS has no fdatasync, and its fsync leaves the disk's own cache as it is.
    """
    if hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
        return
    if _FULL is not None:
        with suppress(OSError):  # not every file system has it
            fcntl.fcntl(descriptor, _FULL)
            return
    os.fsync(descriptor)
