"""What it takes to fetch everything from a real FHIR server: python -m tests.hapi"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from cds_service.authoring.cases import DAY
from cds_service.decisions.service import DecisionService
from cds_service.decisions.sources import Asked
from cds_service.fhir_client.access import FhirGrant
from tests.calling import opened, requests
from tests.case_runs import ruleset
from tests.hapi import charts, server

_PATIENT = "rbd-dementia"
_COPIES = (1, 10, 75)
_WARM = 20
_Json = dict[str, Any]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, server.running(Path(folder)) as address:
        charts.load_examples(address)
        print("| resources | hook | queries | first, ms | then: median | slowest |")
        print("| ---: | --- | ---: | ---: | ---: | ---: |")
        for copies in _COPIES:
            chart = charts.lengthened(opened(_PATIENT), copies)
            charts.load(address, chart)
            held = 1 + sum(len(value.get("entry", ())) for value in chart["prefetch"].values())
            for request in (requests()[f"order-sign-{_PATIENT}"], chart):
                print(f"| {held:,} | {asyncio.run(_measured(address, request))} |")


async def _measured(address: str, request: _Json) -> str:
    """A first call on new connections, and what those after it take; all of it ends before any deadline."""
    decisions = DecisionService(ruleset(), lambda: DAY)
    body = json.dumps(charts.unsent(request, address)).encode()
    async with charts.granted(address) as grant:
        first, queries = await once(decisions, request["hook"], body, grant)
        warm = [(await once(decisions, request["hook"], body, grant))[0] for _ in range(_WARM)]
    figures = " | ".join(f"{seconds * 1000:.0f}" for seconds in (first, statistics.median(warm), max(warm)))
    return f"{request['hook']} | {queries} | {figures}"


async def once(decisions: DecisionService, hook: str, body: bytes, grant: FhirGrant) -> tuple[float, int]:
    """How long one answer took, and how many queries it asked, every one of which was answered."""
    service, started, asked = decisions.services[f"rbd-{hook}"], perf_counter(), Asked()
    call = decisions.open(body, service)
    await decisions.answer(call.hook, service, grant, asked=asked, drafts=call.drafts)
    seconds = perf_counter() - started
    assert set(asked.fetched.values()) == {"ok"}, asked.fetched
    return seconds, len(asked.fetched)


if __name__ == "__main__":
    main()
