"""A hook request to facts: prefetch first, what is missing is named.

Here CDS Hooks and the facts meet; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from cds_service.errors import ContractBroken, DataMissing
from cds_service.facts.build import Source, build
from cds_service.facts.orders import Drafted
from cds_service.facts.patient import PatientFacts
from cds_service.fhir import elements as fhir
from cds_service.fhir.valuesets import Vocabulary
from cds_service.hooks.prefetch import Answer, Empty, Given, Refused
from cds_service.hooks.requests import HookRequest
from cds_service.hooks.services import ORDER_SIGN

_DRUG_KEYS = ("medicationRequests", "medicationStatements", "medicationDispenses")


def gather(hook: HookRequest, keys: Iterable[str], vocabulary: Vocabulary, today: date) -> PatientFacts:
    """The facts that the request carries.

    Raises ContractBroken for another patient's Patient, and DataMissing when neither conditions nor drugs nor the
    patient could be had.
    """
    sources = {key: source(hook.prefetch.get(key)) for key in keys}
    _same_patient(sources, hook.patient_id)
    _enough(sources)
    drafts = tuple(
        Drafted(d.resource, d.reference or "", d.selected, bytes(d.raw)) for d in hook.drafts if d.resource is not None
    )
    return build(
        sources,
        vocabulary,
        today,
        patient_id=hook.patient_id,
        drafts=drafts,
        signing=hook.hook == ORDER_SIGN,
    )


def source(answer: Answer | None) -> Source:
    """A client's answer for a key as what can be read of it."""
    if isinstance(answer, Given):
        return Source(answer.resources, answer.gap)
    if isinstance(answer, Empty):
        return Source()
    return Source(gap="the query failed" if isinstance(answer, Refused) else "not sent")


def _same_patient(sources: dict[str, Source], patient_id: str) -> None:
    for found in sources.get("patient", Source()).resources:
        if isinstance(found, fhir.Patient) and found.id is not None and found.id != patient_id:
            raise ContractBroken("prefetch.patient", "The Patient is not the patient of the context.", code="invariant")


def _enough(sources: dict[str, Source]) -> None:
    """412 if neither conditions nor drugs nor the patient could be had; what was had in part counts as had."""
    wanted = [key for key in ("patient", "conditions", *_DRUG_KEYS) if key in sources]
    if all(sources[key].gap and not sources[key].resources for key in wanted):
        raise DataMissing(wanted)
