"""A hook request to facts: prefetch first, the rest from the FHIR server, and what is missing is named.

Here CDS Hooks, the FHIR client and the facts meet; none knows another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import msgspec

from cds_service.content.model import Content
from cds_service.errors import ContractBroken, DataMissing
from cds_service.facts.build import build
from cds_service.facts.orders import Drafted
from cds_service.facts.patient import PatientFacts
from cds_service.fhir import elements as fhir
from cds_service.fhir.sources import EMPTY, NOT_SENT, FhirQuery, Source, query
from cds_service.fhir_client.access import FhirGrant
from cds_service.fhir_client.references import REFERRING, unresolved
from cds_service.fhir_client.target import Target
from cds_service.hooks.prefetch import resolve
from cds_service.hooks.requests import HookRequest

_DRUG_KEYS = ("medicationRequests", "medicationStatements", "medicationDispenses")

Sources = dict[str, Source]


class Gathered(msgspec.Struct, frozen=True):
    """The facts; and what the FHIR server was asked for, by key, each with ``ok`` or what is still not had."""

    facts: PatientFacts
    fetched: Mapping[str, str]


async def gather(
    hook: HookRequest, templates: Mapping[str, str], content: Content, today: date, grant: FhirGrant | None = None
) -> Gathered:
    """The facts that the request carries and, within reach, those that it left to be fetched.

    Raises ContractBroken for another patient's Patient, DataMissing when neither conditions nor drugs nor the
    patient could be had, and OtherRelease when the server does not speak R4.
    """
    sent, fetched = _sent(hook, templates), {}
    if grant is not None and hook.fhir_server is not None:
        target = grant.target(hook.fhir_server, hook.access_token, authorized=hook.fhir_authorization is not None)
        if not isinstance(target, Target):
            return Gathered(_facts(hook, _unasked(sent, target), content, today), {})
        fetched = await _fetched(hook, templates, sent, grant, target)
    facts = _facts(hook, {**sent, **fetched}, content, today)
    return Gathered(facts, {key: source.gap or "ok" for key, source in fetched.items()})


def gather_sent(hook: HookRequest, templates: Iterable[str], content: Content, today: date) -> PatientFacts:
    """The facts that the request carries; raises as :func:`gather`."""
    return _facts(hook, _sent(hook, templates), content, today)


def _sent(hook: HookRequest, templates: Iterable[str]) -> Sources:
    sources = {key: hook.prefetch.get(key, NOT_SENT) for key in templates}
    _require_same_patient(sources, hook.patient_id, "prefetch.patient")
    return sources


def _unasked(sent: Sources, why: str) -> Sources:
    return {
        key: Source(gap=why) if source.can_be_completed and not source.resources else source
        for key, source in sent.items()
    }


async def _fetched(
    hook: HookRequest, templates: Mapping[str, str], sent: Sources, grant: FhirGrant, target: Target
) -> Sources:
    """Every key that the FHIR server was asked about, with what is had of it now; a gap that stays says why."""
    queries = {key: _query(hook, templates[key], sent[key], target) for key in sent if sent[key].can_be_completed}
    held = [*_held(sent, queries), *(draft.resource for draft in hook.drafts)]
    if not queries and not any(unresolved(kind, held, target.base) for kind in REFERRING):
        return {}
    lifetime = hook.fhir_authorization.lifetime if hook.fhir_authorization else None
    fetched = await grant.access.fetch(target, queries, held, deadline=grant.access.deadline(lifetime))
    completed = {key: _completed(sent[key], fetched[key], queries[key]) for key in queries}
    _require_same_patient(completed, hook.patient_id, "fhirServer")
    return {**fetched, **completed}


def _query(hook: HookRequest, template: str, sent: Source, target: Target) -> FhirQuery:
    """The template's own query, or only the further pages where the first came from the same server."""
    if sent.next_page and target.base.within(sent.next_page):
        return msgspec.structs.replace(query(template), address=sent.next_page, before=sent)
    return msgspec.structs.replace(query(template), address=resolve(template, hook.patient_id))


def _held(sent: Sources, queries: Mapping[str, FhirQuery]) -> Iterator[fhir.Resource]:
    """What need not be asked for again."""
    for key, source in sent.items():
        if key not in queries or queries[key].before is not None:
            yield from source.resources


def _completed(sent: Source, fetched: Source, asked: FhirQuery) -> Source:
    """What the server added to what the client had in part; an answer of its own that is complete replaces it."""
    if asked.before is not None or fetched.gap is None:
        return fetched
    unreadable = (*sent.unreadable, *fetched.unreadable)
    return msgspec.structs.replace(fetched, resources=(*sent.resources, *fetched.resources), unreadable=unreadable)


def _require_same_patient(sources: Sources, patient_id: str, member: str) -> None:
    for resource in sources.get("patient", EMPTY).resources:
        if isinstance(resource, fhir.Patient) and resource.id is not None and resource.id != patient_id:
            raise ContractBroken(member, "The Patient is not the patient of the context.", code="invariant")


def _facts(hook: HookRequest, sources: Sources, content: Content, today: date) -> PatientFacts:
    _require_enough(sources)
    drafts = tuple([Drafted(d.resource, d.reference or "", d.selected, d.raw) for d in hook.drafts])
    known = content.vocabulary, content.numbers, today
    return build(sources, *known, patient_id=hook.patient_id, drafts=drafts, signing=hook.hook.is_signing)


def _require_enough(sources: Sources) -> None:
    """412 if neither conditions nor drugs nor the patient could be had; what was had in part counts as had."""
    wanted = [key for key in ("patient", "conditions", *_DRUG_KEYS) if key in sources]
    if wanted and all(sources[key].gap and not sources[key].resources for key in wanted):
        raise DataMissing(wanted, {key: sources[key].gap or "" for key in wanted})
