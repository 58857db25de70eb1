"""A hook request to facts: prefetch first, the rest from the FHIR server, and what is missing is named.

Here CDS Hooks and the facts meet; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from cds_service.content.load import Content
from cds_service.errors import ContractBroken, DataMissing, OtherRelease
from cds_service.facts.build import Source, build
from cds_service.facts.orders import Drafted
from cds_service.facts.patient import PatientFacts
from cds_service.fhir import elements as fhir
from cds_service.fhir_client.access import REFERENCES, Fetched, FhirGrant, FhirQuery, Target
from cds_service.fhir_client.references import REFERRING, unresolved
from cds_service.hooks.prefetch import (
    Answer,
    Empty,
    Given,
    LeftOut,
    Refused,
    contents,
    meaning,
    query,
    resolve,
)
from cds_service.hooks.requests import HookRequest, other_release
from cds_service.hooks.services import ORDER_SIGN

_DRUG_KEYS = ("medicationRequests", "medicationStatements", "medicationDispenses")
_WORTH_ASKING = frozenset({"more pages", "failed in part", "fewer than the total"})
"""Gaps of a prefetched key that the FHIR server may fill."""

Sources = dict[str, Source]
_NOTHING = Source()


async def gather(
    hook: HookRequest,
    templates: Mapping[str, str],
    content: Content,
    today: date,
    grant: FhirGrant | None = None,
    told: dict[str, str] | None = None,
) -> PatientFacts:
    """The facts that the request carries and, within reach, those that it left to be fetched.

    ``told`` is given what was asked of the FHIR server, by key, each with ``ok`` or why it was not had.

    Raises ContractBroken for another patient's Patient, DataMissing when neither conditions nor drugs nor the
    patient could be had, and OtherRelease when the server does not speak R4.
    """
    sources = _sent(hook, templates)
    if grant is not None and hook.fhir_server is not None:
        sources = await _completed(hook, templates, sources, grant, {} if told is None else told)
    return _facts(hook, sources, content, today)


def gather_sent(hook: HookRequest, templates: Iterable[str], content: Content, today: date) -> PatientFacts:
    """The facts that the request carries; raises as :func:`gather`."""
    return _facts(hook, _sent(hook, templates), content, today)


def source(answer: Answer | None) -> Source:
    """A client's answer for a key as what can be read of it."""
    if isinstance(answer, Empty):
        return _NOTHING
    if isinstance(answer, Given):
        return Source(answer.resources, answer.gap)
    return Source(gap="the query failed" if isinstance(answer, Refused) else "not sent")


def _sent(hook: HookRequest, templates: Iterable[str]) -> Sources:
    sources = {key: source(hook.prefetch.get(key)) for key in templates}
    _same_patient(sources, hook.patient_id, "prefetch.patient")
    return sources


def _facts(hook: HookRequest, sources: Sources, content: Content, today: date) -> PatientFacts:
    _enough(sources)
    drafts = tuple([Drafted(d.resource, d.reference or "", d.selected, d.raw) for d in hook.drafts])
    return build(
        sources,
        content.vocabulary,
        content.numbers,
        today,
        patient_id=hook.patient_id,
        drafts=drafts,
        signing=hook.hook == ORDER_SIGN,
    )


async def _completed(
    hook: HookRequest, templates: Mapping[str, str], sources: Sources, grant: FhirGrant, told: dict[str, str]
) -> Sources:
    """The sources with what the FHIR server adds; a gap that stays says why."""
    lacking = {key: template for key, template in templates.items() if _lacks(hook.prefetch.get(key))}
    authorized = hook.fhir_authorization is not None
    target = grant.target(hook.fhir_server, hook.access_token, authorized=authorized)
    if not isinstance(target, Target):
        unasked = {key: Source(gap=target) for key in lacking if not sources[key].resources}
        return {**sources, **unasked}
    queries = {key: _query(hook, key, template, target) for key, template in lacking.items()}
    held = [*_held(sources, queries), *(draft.resource for draft in hook.drafts)]
    if not queries and not any(unresolved(kind, held, target.base) for kind in REFERRING):
        return sources
    fetched = await grant.access.fetch(target, queries, held, seconds=_seconds(hook, grant))
    told.update((key, one.why or "ok") for key, one in fetched.items())
    _same_release(fetched)
    joined = {key: _joined(hook.prefetch.get(key), fetched[key], queries[key], templates[key]) for key in queries}
    if REFERENCES in fetched:
        joined[REFERENCES] = Source(tuple(_resources(fetched[REFERENCES].value)), fetched[REFERENCES].why)
    _same_patient(joined, hook.patient_id, "fhirServer")
    return {**sources, **joined}


def _lacks(answer: Answer | None) -> bool:
    """Whether there may be more on the server than the client sent."""
    if isinstance(answer, Given):
        return answer.next_url is not None or answer.gap in _WORTH_ASKING
    return answer is None or isinstance(answer, LeftOut | Refused)


def _query(hook: HookRequest, key: str, template: str, target: Target) -> FhirQuery:
    """The template's own query, or only the further pages where the first came from the same server."""
    kind, answer = query(template).kind, hook.prefetch.get(key)
    if isinstance(answer, Given) and answer.next_url and target.base.within(answer.next_url):
        return FhirQuery(kind, answer.next_url, page=True)
    return FhirQuery(kind, resolve(template, hook.patient_id))


def _held(sources: Sources, queries: Mapping[str, FhirQuery]) -> Iterator[fhir.Resource]:
    """What need not be asked for again."""
    for key, found in sources.items():
        if key not in queries or queries[key].page:
            yield from found.resources


def _seconds(hook: HookRequest, grant: FhirGrant) -> float:
    """The deadline, or less where the token runs out before."""
    lasts = hook.fhir_authorization.seconds if hook.fhir_authorization else None
    return grant.access.seconds if lasts is None else min(grant.access.seconds, lasts)


def _joined(sent: Answer | None, fetched: Fetched, asked: FhirQuery, template: str) -> Source:
    """What the client sent for a key together with what the server added."""
    prior = sent if isinstance(sent, Given) else Given(())
    if fetched.value is None:
        return Source(prior.resources, fetched.why)
    value, goes_on = fetched.value, False
    if asked.page and isinstance(value, fhir.Bundle):
        value, goes_on = _after(prior.resources, value), True
    answer = meaning(contents(value), query(template))
    found = source(answer)
    gap = fetched.why or ("answer unreadable" if isinstance(answer, LeftOut) else found.gap)
    if goes_on and prior.gap != "more pages":
        gap = gap or prior.gap
    # A new answer that is complete replaces what the client had in part; one that is not adds to it.
    return Source(found.resources if goes_on or not gap else (*prior.resources, *found.resources), gap)


def _after(resources: Iterable[fhir.Resource], pages: fhir.Bundle) -> fhir.Bundle:
    """Further pages with what came before them, so that they can be held against the total."""
    before = [fhir.Entry(resource=resource) for resource in resources]
    return fhir.Bundle(total=pages.total, entry=[*before, *fhir.many(pages.entry)])


def _resources(value: fhir.Resource | None) -> Iterator[fhir.Resource]:
    found = contents(value)
    for resource in found.found if found else ():
        if resource is not None and not isinstance(resource, fhir.OperationOutcome):
            yield resource


def _same_release(fetched: Mapping[str, Fetched]) -> None:
    foreign = other_release(filter(None, (contents(one.value) for one in fetched.values())))
    if foreign:
        raise OtherRelease(foreign)


def _same_patient(sources: Sources, patient_id: str, member: str) -> None:
    for found in sources.get("patient", Source()).resources:
        if isinstance(found, fhir.Patient) and found.id is not None and found.id != patient_id:
            raise ContractBroken(member, "The Patient is not the patient of the context.", code="invariant")


def _enough(sources: Sources) -> None:
    """412 if neither conditions nor drugs nor the patient could be had; what was had in part counts as had."""
    wanted = [key for key in ("patient", "conditions", *_DRUG_KEYS) if key in sources]
    if wanted and all(sources[key].gap and not sources[key].resources for key in wanted):
        raise DataMissing(wanted, {key: sources[key].gap or "" for key in wanted})
