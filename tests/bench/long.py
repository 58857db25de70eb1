"""Long charts: what they make others wait for, their worst case, their memory, and how the cost grows with them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from tests.bench import charts, load
from tests.bench.cells import Cell, Found, Run
from tests.bench.load import Post
from tests.bench.servers import BARE, SERVICE, Server, running

_CHART = "three rules"
_SEQUENCES = 3
_CONNECTIONS = 16
_POSTERS = 2
_BESIDE = 16
"""Times as long as others, since few short requests come through."""


def cells() -> Iterator[Cell]:
    name = f"{_CHART}, 10 KB, beside {_POSTERS} clients that post 5 MB"
    yield Cell("long", name, "p99 over (a)", 0.25, _beside, 42)
    what = f"worst latency over the median, in sequence, best of {_SEQUENCES} times"
    yield Cell("long", f"{_CHART}, 2 MB", what, 3, _worst, 40)
    what = f"(peak - idle - 10 MB) over the bytes in flight, {_CONNECTIONS} connections"
    yield Cell("long", f"{_CHART}, 2 MB", what, 2.5, _memory, 5)
    yield Cell("long", f"{_CHART}, 2 MB", "CPU over that of 200 KB", 10, _ten_times, 6)


def _post(size: int) -> Post:
    return Post(charts.request(_CHART, size))


def _beside(run: Run) -> Found:
    short, long = (_post(charts.SIZES[size]) for size in ("10 KB", "5 MB"))
    servers = run.servers(BARE, SERVICE)
    found: list[list[float]] = [[] for _ in servers]
    for _ in range(run.effort.repeats):
        for server, latencies in zip(servers, found, strict=True):
            latencies += load.beside(server, short, long, _POSTERS, _BESIDE * run.effort.seconds).latencies
    bare, service = (load.p99(latencies) for latencies in found)
    return Found(service / bare, f"{service * 1e3:.0f} ms; (a) {bare * 1e3:.0f} ms")


def _worst(run: Run) -> Found:
    """Whatever else the machine does can only slow a request down, so the best of a few sequences counts."""
    post = _post(charts.SIZES["2 MB"])
    with running(SERVICE) as (server,):
        load.in_sequence(server, [post], 5)
        sequences = [load.in_sequence(server, [post], run.effort.sequence).latencies for _ in range(_SEQUENCES)]
    ratio = min(max(latencies) / statistics.median(latencies) for latencies in sequences)
    return Found(ratio, f"{run.effort.sequence} requests")


def _memory(run: Run) -> Found:
    long = _post(charts.SIZES["2 MB"])
    with running(SERVICE) as (server,):
        load.in_sequence(server, [_post(charts.SIZES["10 KB"])], 20)
        server.forget_peak()
        idle, _ = server.memory()
        load.for_seconds(server, [long], _CONNECTIONS, 2 * run.effort.seconds)
        _, peak = server.memory()
    return Found((peak - idle - 10) / (_CONNECTIONS * len(long.body) / 1e6), f"{peak:.0f} MB, idle {idle:.0f} MB")


def _ten_times(run: Run) -> Found:
    (server,) = run.servers(SERVICE)
    short, long = _post(200_000), _post(2_000_000)
    ratios = [_cpu(server, long, run) / _cpu(server, short, run) for _ in range(run.effort.repeats)]
    return Found(statistics.median(ratios))


def _cpu(server: Server, post: Post, run: Run) -> float:
    return load.for_seconds(server, [post], 1, run.effort.seconds).cpu
