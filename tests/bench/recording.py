"""What recording adds to a request of 10 KB with a card, each about another patient."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from functools import partial

from tests.bench import charts, load
from tests.bench.cells import Cell, Found, Run
from tests.bench.in_process import Profiled, profile
from tests.bench.load import Post
from tests.bench.servers import RECORDING, SERVICE, Server, running

_WRITTEN_SECONDS = 0.8
_PROFILED = 300


def cells() -> Iterator[Cell]:
    profiled = partial(profile, Profiled(lambda: _posts(_PROFILED), RECORDING))
    what = "CPU of the whole process, writing included, over that without"
    yield Cell("recording", "three rules, 10 KB", what, 1.1, lambda run: run.once(_both)[1], 45, profiled)
    what = "median latency over that without"
    yield Cell("recording", "three rules, 10 KB", what, 1.05, lambda run: run.once(_both)[0], 0)


def _both(run: Run) -> tuple[Found, Found]:
    """Latency and CPU, each with recording over without.

    Two processes of one program may differ by some per cent for as long as they run, so each repeat starts its own.
    """
    count = run.effort.sequence
    posts = _posts(2 * count)
    ratios = []
    for _ in range(run.effort.repeats):
        with running(SERVICE, RECORDING) as servers:
            for server in servers:
                load.in_sequence(server, posts[:count], count)
            plain, recorded = (_followed(server, posts[count:]) for server in servers)
        ratios.append([over / without for over, without in zip(recorded, plain, strict=True)])
    latency, cpu = (Found(statistics.median(ratio)) for ratio in zip(*ratios, strict=True))
    return latency, cpu


def _followed(server: Server, posts: list[Post]) -> tuple[float, float]:
    """The median latency of requests in sequence, and their CPU with all that is written after them."""
    time.sleep(_WRITTEN_SECONDS)
    before = server.cpu()
    measured = load.in_sequence(server, posts, len(posts))
    time.sleep(_WRITTEN_SECONDS)
    return measured.p50, server.cpu() - before


def _posts(count: int) -> list[Post]:
    one = charts.request("three rules", charts.SIZES["10 KB"])
    return [Post(charts.about(f"p{number:06}", one)) for number in range(count)]
