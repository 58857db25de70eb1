"""Several processes that answer on one socket: started, watched, replaced where they end, and told what this one is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from tempfile import TemporaryDirectory

import structlog

from cds_service.settings import Settings, hand_down
from cds_service.web import logs
from cds_service.web.server import hold_reloads, work

_SPAWN = multiprocessing.get_context("spawn")
_STARTING_SECONDS, _SILENT_SECONDS = 120.0, 60.0
"""After which a process that was not ready yet, or has not said that its loop turns, is believed to hang."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_ENDING_SECONDS = 30.0
"""For calls under way and what is left to write, after the time to take leave."""
_TOLD = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_LOG = structlog.get_logger()


def _worker(settings: Settings, listener: socket.socket, line: Connection) -> None:
    raise SystemExit(work(settings, listener, lambda: line.send_bytes(b".")))


class _Worker:
    """One process."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._heard_from, line = _SPAWN.Pipe(duplex=False)
        self.process = _SPAWN.Process(target=_worker, args=(settings, listener, line))
        self.process.start()
        line.close()
        self.ready = False
        self._heard = time.monotonic()

    def listen(self) -> None:
        with suppress(EOFError, OSError):
            while self._heard_from.poll():
                self._heard_from.recv_bytes()
                self.ready, self._heard = True, time.monotonic()

    @property
    def hangs(self) -> bool:
        return time.monotonic() - self._heard > (_SILENT_SECONDS if self.ready else _STARTING_SECONDS)

    def tell(self, sig: int) -> None:
        if self.process.is_alive() and self.process.pid:
            os.kill(self.process.pid, sig)

    def bury(self) -> None:
        self.process.join()
        self._heard_from.close()


class Supervisor:
    """Runs until it is told to stop, or until no worker can be started at all."""

    def __init__(self, settings: Settings, listener: socket.socket, number: int) -> None:
        self._settings = settings
        self._start: Callable[[], _Worker] = lambda: _Worker(settings, listener)
        self._number = number
        self._workers: list[_Worker] = []
        self._signals: list[int] = []
        self._pause, self._next_start = _SHORTEST_PAUSE, 0.0
        self._ever_ready = False

    def run(self) -> int:
        """The exit code."""
        for sig in _TOLD:
            signal.signal(sig, lambda told, _: self._signals.append(told))
        # Workers are to begin with the signal held back.
        hold_reloads()
        self._workers = [self._start() for _ in range(self._number)]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        while not self._told_to_end():
            wait([one.process.sentinel for one in self._workers], 0.2)
            for one in self._workers:
                one.listen()
                self._ever_ready |= one.ready
            if not self._replace_the_dead():
                self._end(signal.SIGTERM)
                return 1
        return 0

    def _told_to_end(self) -> bool:
        while self._signals:
            told = self._signals.pop(0)
            if told != signal.SIGHUP:
                self._end(told)
                return True
            for one in self._workers:
                one.tell(told)
        return False

    def _replace_the_dead(self) -> bool:
        """Whether there is hope."""
        for one in [one for one in self._workers if one.hangs or not one.process.is_alive()]:
            if one.process.is_alive():
                one.process.kill()
            one.bury()
            self._workers.remove(one)
            _LOG.error("worker ended", pid=one.process.pid, code=one.process.exitcode, was_ready=one.ready)
            if not self._ever_ready:
                return False
            self._put_off(was_ready=one.ready)
        if len(self._workers) < self._number and time.monotonic() >= self._next_start:
            hold_reloads()
            self._workers.append(self._start())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        return True

    def _put_off(self, *, was_ready: bool) -> None:
        """One that could not start, as with cards that are being changed, is tried again more and more seldom."""
        self._pause = _SHORTEST_PAUSE if was_ready else min(2 * self._pause, _LONGEST_PAUSE)
        self._next_start = time.monotonic() + (0 if was_ready else self._pause)

    def _end(self, told: int) -> None:
        """Tells all of them, and waits; a person who interrupts once more is passed on to them too."""
        until = time.monotonic() + self._settings.drain_seconds + _ENDING_SECONDS
        for one in self._workers:
            one.tell(told)
        while any(one.process.is_alive() for one in self._workers) and time.monotonic() < until:
            wait([one.process.sentinel for one in self._workers if one.process.is_alive()], 0.2)
            while self._signals:
                again = self._signals.pop(0)
                for one in self._workers:
                    one.tell(again if again == signal.SIGINT else signal.SIGTERM)
        for one in self._workers:
            if one.process.is_alive():
                one.process.kill()
            one.bury()


def run(settings: Settings, listener: socket.socket, workers: int) -> int:
    """Answers until told to stop, in this process or in several; the exit code."""
    hold_reloads()
    if workers == 1:
        return work(settings, listener)
    logs.configure(settings.log_level)
    logs.speak_json()
    with TemporaryDirectory(prefix="rbd-cds-") as counted:
        # Read by prometheus_client when a worker imports it.
        hand_down("PROMETHEUS_MULTIPROC_DIR", counted)
        return Supervisor(settings, listener, workers).run()
