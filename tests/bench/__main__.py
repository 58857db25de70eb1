"""Compares (a) a bare endpoint, (b) the ceiling and (c) the service in one run, and says which aims are met.

Cases are interleaved and ratios are taken within a repeat, so that what else the machine does falls on all alike.
Needs Linux, whose kernel counts the CPU of each process.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

import msgspec

from tests.bench import charts, fetching, figures, signing
from tests.bench.figures import Bench, Figure
from tests.bench.load import Measured, for_seconds
from tests.bench.servers import BARE, CEILING, SERVICE, Server, running

CONNECTIONS = (1, 16)
NAMES = (BARE, CEILING, SERVICE)


class Effort(msgspec.Struct, frozen=True):
    """How long to measure."""

    repeats: int
    seconds: float
    sequence: int
    in_process: int


FULL = Effort(repeats=5, seconds=0.4, sequence=500, in_process=9)
QUICK = Effort(repeats=1, seconds=0.15, sequence=100, in_process=3)


class Case(msgspec.Struct, frozen=True):
    """One kind of request, and what each server made of it in each repeat."""

    chart: str
    size: str
    connections: int
    rounds: list[dict[str, Measured]]

    def ratio(self, figure: str, one: str, other: str) -> float:
        """The median over the repeats of one server's figure over another's."""
        return statistics.median(getattr(r[one], figure) / getattr(r[other], figure) for r in self.rounds)

    def median(self, figure: str, name: str) -> float:
        return statistics.median(getattr(r[name], figure) for r in self.rounds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in under a minute, and rougher")
    effort = QUICK if parser.parse_args().quick else FULL
    started = time.monotonic()
    cases = list(_cases(effort))
    _print_table(cases)
    bench = Bench(effort.in_process)
    aims = [*_ratios(cases), bench.ten_times_as_long(), figures.worst(effort.sequence), figures.memory(effort.seconds)]
    aims.append(figures.short_beside_long(4 * effort.seconds))
    aims += fetching.figures(effort.repeats)
    aims += signing.figures(effort.repeats, effort.sequence)
    aims += figures.recording(effort.repeats, effort.sequence)
    aims += _print_rules(bench)
    _print_aims(aims)
    print(f"\n{time.monotonic() - started:.0f} seconds.")


def _cases(effort: Effort) -> Iterator[Case]:
    with running(*NAMES) as servers:
        for size, length in charts.SIZES.items():
            for chart in charts.CHARTS:
                body = charts.request(chart, length)
                for connections in CONNECTIONS:
                    _round(servers, body, connections, effort.seconds / 5)
                    rounds = [_round(servers, body, connections, effort.seconds) for _ in range(effort.repeats)]
                    yield Case(chart, size, connections, rounds)


def _round(servers: list[Server], body: bytes, connections: int, seconds: float) -> dict[str, Measured]:
    found = [for_seconds(server, [body], connections, seconds) for server in servers]
    return dict(zip(NAMES, found, strict=True))


def _ratios(cases: list[Case]) -> Iterator[Figure]:
    """The aims for the CPU of a request; the worse of 1 and 16 connections counts."""
    for size, other, most in (
        ("10 KB", CEILING, 2.5),
        ("140 KB", BARE, 1.0),
        ("140 KB", CEILING, 1.6),
        ("2 MB", CEILING, 1.35),
    ):
        for chart in charts.CHARTS:
            held = [case for case in cases if (case.size, case.chart) == (size, chart)]
            measured = max(case.ratio("cpu", SERVICE, other) for case in held)
            yield Figure(f"CPU of {size}, {chart}: (c) over ({other})", measured, most)


def _print_table(cases: list[Case]) -> None:
    print("(a) Starlette and orjson, a fixed card; (b) the ceiling: raw ASGI and the typed decode; (c) the service.")
    print("Per request; c/a and c/b are ratios within a repeat.\n")
    print("| body | chart | connections | CPU c | c/a | c/b | requests/s c | c/a | c/b | p50 c | c/a | p99 c | c/a |")
    print("| --- | --- " + "| ---: " * 11 + "|")
    for case in cases:
        cells = [case.size, case.chart, str(case.connections), f"{case.median('cpu', SERVICE) * 1e3:.3f} ms"]
        cells += [f"{case.ratio('cpu', SERVICE, other):.2f}" for other in (BARE, CEILING)]
        cells += [f"{case.median('rate', SERVICE):.0f}"]
        cells += [f"{case.ratio('rate', SERVICE, other):.2f}" for other in (BARE, CEILING)]
        for figure in ("p50", "p99"):
            cells += [f"{case.median(figure, SERVICE) * 1e3:.2f} ms", f"{case.ratio(figure, SERVICE, BARE):.2f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def _print_rules(bench: Bench) -> Iterator[Figure]:
    """The cost of each rule as a share of the typed decode of 140 KB, and the dearest of them as figures."""
    print("\n| rule, as a share of the decode of 140 KB | does not apply | applies |\n| --- | ---: | ---: |")
    idle, busy = [], []
    for name, not_applying, applying in bench.rules():
        idle.append(not_applying.measured)
        busy += [applying.measured] if applying else []
        shown = f"{applying.measured:.1%}" if applying else "no example"
        print(f"| {name} | {not_applying.measured:.2%} | {shown} |")
    yield Figure("a rule that does not apply, share of the decode of 140 KB, dearest", max(idle), 0.005)
    yield Figure("a rule that applies, share of the decode of 140 KB, dearest", max(busy), 0.05)


def _print_aims(aims: list[Figure]) -> None:
    print("\n| aim | at most | measured | |\n| --- | ---: | ---: | --- |")
    for aim in aims:
        print(f"| {aim.aim} | {aim.most:g} | {aim.measured:.3g} | {'met' if aim.met else 'not met'} |")


if __name__ == "__main__":
    main()
