"""The service in this process, without sockets: where its time goes, and what it leaves behind."""

from __future__ import annotations

import asyncio
import cProfile
import os
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import structlog
import uvloop

from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from cds_service.web.logs import configure
from tests.bench.load import Post
from tests.bench.servers import ROOT, SERVICE, environment

_MOST_TOLD = 12
_FOLDERS = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), sysconfig.get_path("stdlib"), str(ROOT))


class Profiled(msgspec.Struct, frozen=True):
    """Requests whose handling tells where the time of a cell goes."""

    posts: Callable[[], list[Post]]
    service: str = SERVICE
    keys: bytes = b""


@contextmanager
def serving(name: str = SERVICE, keys: bytes = b"") -> Iterator[Callable[[list[Post]], None]]:
    """A function that has requests answered, one after the other."""
    log_nowhere()
    with environment(name, keys) as set_so:
        app = create_app(Application(Settings.read(set_so)))

        async def answered(posts: list[Post]) -> None:
            for post in posts:
                await _call(app, post)

        async def through(step: Any) -> None:
            await step

        lifespan = app.router.lifespan_context(app)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(through(lifespan.__aenter__()))
            yield lambda posts: runner.run(answered(posts))
            runner.run(through(lifespan.__aexit__(None, None, None)))


def log_nowhere() -> None:
    """Lines are made as ever, and written to no one."""
    configure("info")
    structlog.configure(logger_factory=structlog.BytesLoggerFactory(_nowhere()))


@cache
def _nowhere() -> BinaryIO:
    return Path(os.devnull).open("wb")


async def _call(app: Any, post: Post) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": post.body, "more_body": False}

    async def send(_: Any) -> None:
        return

    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(post.body)).encode())]
    headers += [(b"authorization", f"Bearer {post.token}".encode())] if post.token else []
    scope = {"type": "http", "method": "POST", "path": post.path, "headers": headers, "query_string": b""}
    await app(scope, receive, send)


def calls(answer: Callable[[list[Post]], None], post: Post) -> int:
    """How many functions are called for one request: the same whatever else the machine does."""
    answer([post, post])
    return sum(count for _, count, _ in _by_own_time(_profiled(lambda: answer([post]))))


def profile(wanted: Profiled) -> Iterator[str]:
    """The functions that take most time of their own: its share, and microseconds and calls a request."""
    posts = wanted.posts()
    warm = len(posts) // 10
    with serving(wanted.service, wanted.keys) as answer:
        answer(posts[:warm])
        yield from dearest_functions(lambda: answer(posts[warm:]), len(posts) - warm)


def dearest_functions(work: Callable[[], object], count: int) -> Iterator[str]:
    """The functions that take most time of their own in some work, with what one of ``count`` takes of it."""
    found = _by_own_time(_profiled(work))
    whole = sum(own for own, _, _ in found)
    for own, times, name in found[:_MOST_TOLD]:
        yield f"{own / whole:6.1%} {own / count * 1e6:10.1f} us {times / count:9.1f} calls  {name}"


def _profiled(work: Callable[[], object]) -> cProfile.Profile:
    profiler = cProfile.Profile(time.thread_time)
    profiler.enable()
    work()
    profiler.disable()
    return profiler


def _by_own_time(profiler: cProfile.Profile) -> list[tuple[float, int, str]]:
    profiler.create_stats()
    stats: dict[tuple[str, int, str], Any] = profiler.stats  # type: ignore[attr-defined]
    return sorted([(own, times, _named(*where)) for where, (_, times, own, _, _) in stats.items()], reverse=True)


def _named(path: str, line: int, function: str) -> str:
    for folder in _FOLDERS:
        path = path.removeprefix(f"{folder}{os.sep}")
    return function if path == "~" else f"{path}:{line} {function}"
