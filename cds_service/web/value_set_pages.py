"""The value sets: found by a word or a code, read by name, and downloaded as FHIR resources."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial

from cds_service.content.model import Content, RuleContent
from cds_service.content.set_resources import PATH, resource_of
from cds_service.fhir.code_systems import ATC, CPT, ICD_9_CM, ICD_10, ICD_10_CM, LOINC, RXNORM, SNOMED_CT
from cds_service.terminology.value_sets import ValueSet
from cds_service.web.answers import FHIR_JSON
from cds_service.web.endpoints import made_document
from cds_service.web.pages import Site, asked_page, page, page_headers
from cds_service.web.routes import Address, get
from cds_service.web.search import Asked, text_of, triggering

_MOST_CODES = 500
"""On a page; a download has all."""
_KINDS = {"drug": "drugs", "condition": "diagnoses and findings", "observation": "results", "order": "orders"}
_SYSTEMS = {
    SNOMED_CT: "SNOMED CT",
    LOINC: "LOINC",
    RXNORM: "RxNorm",
    ATC: "ATC",
    ICD_10_CM: "ICD-10-CM",
    ICD_10: "ICD-10",
    ICD_9_CM: "ICD-9-CM",
    CPT: "CPT",
}


def addresses(content: Content, site: Site) -> dict[str, Address]:
    texts = cache(lambda: {one.name: text_of(one) for one in content.value_sets})

    def listed(asked: Asked) -> dict[str, object]:
        found = [one for one in content.value_sets if asked.kind in ("", one.kind) and asked.is_in(texts()[one.name])]
        return {"site": site, "asked": asked, "kinds": _KINDS, "found": found, "all": len(content.value_sets)}

    headers = page_headers(script=True, form=True)
    started = _started(content)
    return {
        "/catalogue/value-sets": get(asked_page("value_sets.html", Asked.of, listed, headers)),
        **{
            f"/catalogue/value-sets/{one.name}": get(page("value_set.html", partial(_names, site, started, one)))
            for one in content.value_sets
        },
        **{
            f"{PATH}/{one.name}": get(made_document(partial(resource_of, content.files, one), FHIR_JSON))
            for one in content.value_sets
        },
    }


def _names(site: Site, started: Mapping[str, list[RuleContent]], one: ValueSet) -> dict[str, object]:
    rules = started.get(one.name, [])
    return {"site": site, "one": one, "rules": rules, "most": _MOST_CODES, "systems": _SYSTEMS}


def _started(content: Content) -> dict[str, list[RuleContent]]:
    """By value set, the rules that it can start."""
    found: dict[str, list[RuleContent]] = {}
    for rule in content.rules.values():
        for name in {one.name for sets in triggering(content, rule).values() for one in sets}:
            found.setdefault(name, []).append(rule)
    return found
