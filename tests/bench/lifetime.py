"""Whether anything of a chart outlives its request without the help of the collector."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

from cds_service.fhir import elements as fhir
from tests.bench import charts
from tests.bench.cells import Cell, Found, Run
from tests.bench.in_process import serving
from tests.bench.load import Post

_KINDS = (*fhir.READ, *fhir.OTHERS, *fhir.Element.__subclasses__())


def cells() -> Iterator[Cell]:
    name = f"{', '.join(charts.CHARTS)}, 140 KB"
    yield Cell("lifetime", name, "Structs of the chart alive after the answer left", 0, _measured, 3)


def alive() -> int:
    """How many Structs of FHIR there are, and a constant: each holds a reference to its type."""
    return sum(map(sys.getrefcount, _KINDS))


def _measured(_: Run) -> Found:
    left = {}
    with serving() as answer:
        for chart, asked in charts.CHARTS.items():
            post = Post(charts.request(chart, charts.SIZES["140 KB"]), asked.path)
            answer([post])
            gc.disable()
            try:
                before = alive()
                answer([post])
                left[chart] = alive() - before
            finally:
                gc.enable()
    return Found(sum(left.values()), ", ".join(f"{chart}: {count}" for chart, count in left.items() if count))
