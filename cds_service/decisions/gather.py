"""A hook request to facts: read and fetched stage by stage, as far as the rules need it, or all at once.

Here CDS Hooks and the facts meet; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import UTC, date, tzinfo
from functools import partial

import msgspec

from cds_service.content.model import Content
from cds_service.decisions.running import Run, at_once
from cds_service.decisions.sources import Sources
from cds_service.decisions.stages import Stages, Started
from cds_service.facts.build import build, facts_of, has_died
from cds_service.facts.chart import Chart
from cds_service.facts.collections import Collections
from cds_service.facts.orders import Drafted
from cds_service.facts.patient import PatientFacts
from cds_service.facts.queries import DRUG_KEYS, READS
from cds_service.fhir.sources import Source
from cds_service.fhir_client.target import REFERENCES
from cds_service.fhir_client.trace import span
from cds_service.hooks.requests import HookRequest

_REASONS = frozenset(READS["conditions"])


class Gathered(msgspec.Struct, frozen=True):
    """What was read, and which rules started on it."""

    facts: PatientFacts
    started: Started


class Opened(msgspec.Struct, frozen=True):
    """A call, and its drafts where they had to be read to open it."""

    hook: HookRequest
    drafts: Collections | None = None
    """The collections of a chart of which nothing else is read yet."""


async def gather(collections: Collections, sources: Sources, stages: Stages, run: Run = at_once) -> Gathered | None:
    """The facts that can change the answer, in two rounds of fetching at most; None where no rule can start."""
    keys = await run(partial(_first_keys, collections, sources, stages))
    if keys is None:
        return None
    with span("gather first", keys=len(keys)):
        await _obtain(keys, sources, collections, run)
    started = await run(partial(_started, collections, stages))
    further = stages.second(started) - sources.obtained.keys()
    if further:
        with span("gather second", keys=len(further)):
            await _obtain(further, sources, collections, run)
    await run(partial(collections.look, stages.offered(started)))
    return Gathered(await run(partial(facts_of, collections)), started)


def _first_keys(collections: Collections, sources: Sources, stages: Stages) -> Set[str] | None:
    collections.chart.read_from(sources)
    if collections.drafted.unreadable:
        collections.look(DRUG_KEYS)
    if not stages.can_start(collections.drafted):
        return None
    plan = stages.plan(collections.drafted)
    keys = plan.first if sources.fits_two_rounds() else plan.whole
    return keys | _REASONS if collections.refers_to_conditions else keys


def _started(collections: Collections, stages: Stages) -> Started:
    """Nothing starts on the chart of somebody who has died."""
    dead = has_died(collections.chart, collections.today)
    return Started() if dead else stages.start(collections.drafted, collections)


async def gather_all(
    hook: HookRequest, sources: Sources, content: Content, today: date, zone: tzinfo = UTC
) -> PatientFacts:
    """The facts that the request carries and, within reach, those that it leaves to be fetched, in one round."""
    await sources.obtain(sources.keys())
    return _built(hook, {**sources, **sources.obtained}, content, today, zone)


def gather_sent(
    hook: HookRequest, templates: Mapping[str, str], content: Content, today: date, zone: tzinfo = UTC
) -> PatientFacts:
    """The facts that the request carries."""
    return _built(hook, Sources(hook, templates), content, today, zone)


def unread(hook: HookRequest, content: Content, today: date, zone: tzinfo = UTC) -> Collections:
    """The collections of a chart of which nothing but the drafts is read yet."""
    chart = Chart({}, _drafted(hook), content.vocabulary, hook.patient_id, zone, hook.fhir_server)
    return Collections(chart, content.vocabulary, content.numbers, today, signing=hook.hook.is_signing)


async def _obtain(keys: Set[str], sources: Sources, collections: Collections, run: Run) -> None:
    await sources.obtain(keys, run)
    referred = sources.obtained.keys() & {REFERENCES}
    await run(partial(collections.need, [*(key for key in sources if key in keys), *referred]))


def _built(
    hook: HookRequest, sources: Mapping[str, Source], content: Content, today: date, zone: tzinfo = UTC
) -> PatientFacts:
    return build(
        sources,
        content.vocabulary,
        content.numbers,
        today,
        patient_id=hook.patient_id,
        drafts=_drafted(hook),
        signing=hook.hook.is_signing,
        zone=zone,
        base=hook.fhir_server,
    )


def _drafted(hook: HookRequest) -> tuple[Drafted, ...]:
    return tuple([Drafted(d.resource, d.reference or "", d.selected, d.raw, d.unreadable) for d in hook.drafts])
