"""What goes wrong while the record is written: each told once, until it works again."""

from __future__ import annotations

import structlog

from cds_service.errors import SettingsError
from cds_service.record.store import cause_of

_LOG = structlog.get_logger()


class Troubles:
    """Those of one writer, by where they are; a fault is told without its message, which may quote what was written."""

    def __init__(self) -> None:
        self._held_up: set[str] = set()
        self._failed: set[str] = set()

    @property
    def unforeseen(self) -> bool:
        """Whether a fault that is neither the disk's nor the database's holds something up."""
        return bool(self._failed)

    def hold_up(self, where: str, fault: Exception) -> None:
        """By a disk or a database that is lost or full."""
        if where not in self._held_up:
            self._held_up.add(where)
            _LOG.error("record not written", where=where, fault=type(cause_of(fault)).__name__)

    def fail(self, where: str, fault: Exception) -> None:
        """By a fault that nobody foresaw."""
        if where not in self._failed:
            self._failed.add(where)
            reason = {"reason": str(fault)} if isinstance(fault, SettingsError) else {}
            _LOG.error("record writer failed", where=where, fault=type(fault).__name__, **reason)

    def end(self, where: str) -> None:
        if where in self._failed | self._held_up:
            self._failed.discard(where)
            self._held_up.discard(where)
            _LOG.info("record written again", where=where)
