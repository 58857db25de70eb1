"""Code systems under the addresses that charts use for them, and ICD codes, which belong to whole categories.

ICD of the WHO and ICD-10-CM give some codes different meanings and are kept apart.
ICD-9-CM codes are also found under the address of ICD-10-CM, where some records leave them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from cds_service.fhir.code_systems import ATC, CPT, ICD_9_CM, ICD_10, ICD_10_CM, LOINC, RXNORM, SNOMED_CT

ICD = frozenset({ICD_9_CM, ICD_10, ICD_10_CM})

_SEQUELA = 7
_ROOT = "2.16.840.1.113883.6."
_OTHER_ADDRESSES: dict[str, tuple[str, ...]] = {
    RXNORM: (f"{_ROOT}88",),
    SNOMED_CT: (f"{_ROOT}96", "https://dmd.nhs.uk"),
    ICD_9_CM: (f"{_ROOT}103", "http://terminology.hl7.org/CodeSystem/icd9cm", f"{ICD_9_CM}/diagnosis"),
    ICD_10: (f"{_ROOT}3",),
    ICD_10_CM: (f"{_ROOT}90", "http://terminology.hl7.org/CodeSystem/icd10CM"),
    "http://id.who.int/icd/release/11/mms": (),
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm": ("http://fhir.de/CodeSystem/dimdi/icd-10-gm",),
    LOINC: (f"{_ROOT}1",),
    CPT: (f"{_ROOT}12",),
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": (
        f"{_ROOT}285",
        "https://www.cms.gov/Medicare/Coding/MedHCPCSGenInfo",
        "http://terminology.hl7.org/CodeSystem/HCPCS",
    ),
    ATC: (
        f"{_ROOT}73",
        "http://fhir.de/CodeSystem/bfarm/atc",
        "http://fhir.de/CodeSystem/dimdi/atc",
        "http://terminology.hl7.org/CodeSystem/v3-WC",
    ),
    "http://hl7.org/fhir/sid/ndc": (f"{_ROOT}69",),
    "http://fhir.de/CodeSystem/ifa/pzn": (),
}
"""Also of systems that no value set names, so that they can be told apart."""


def addresses(system: str) -> frozenset[str]:
    """Every address under which the codes of a system are found, its own among them."""
    found = {system, *_OTHER_ADDRESSES.get(system, ())}
    found |= {f"urn:oid:{name}" for name in found if name.startswith(_ROOT)}
    web = {name for name in found if name.startswith(("http://", "https://"))}
    found |= {name.replace("https://", "http://", 1) for name in web}
    found |= {name.replace("http://", "https://", 1) for name in web}
    return frozenset(found | {f"{name}/" for name in found if "://" in name})


_CANONICAL = {name: system for system in _OTHER_ADDRESSES for name in addresses(system)}


def canonical(system: str | None) -> str:
    """The address FHIR gives a code system; an edition of SNOMED CT is SNOMED CT, an unknown system itself."""
    if system is None:
        return ""
    if system.startswith("http://snomed.info/sct/"):
        return SNOMED_CT
    return _CANONICAL.get(system, system)


def among_known(system: str) -> str:
    """The canonical address of a system; ``other`` for one that this page does not name."""
    found = canonical(system)
    return found if found in _OTHER_ADDRESSES else "other"


class Term(msgspec.Struct, frozen=True, gc=False):
    """What the value sets say of one code: the sets it is in, the ingredients of a drug, their display of it."""

    sets: frozenset[str]
    ingredients: frozenset[str] = frozenset()
    display: str | None = None


class Terms(Protocol):
    """The codes of one system."""

    def get(self, code: str, /) -> Term | None: ...


def bare(code: str) -> str:
    """A code without blanks around it and without the name that some write behind it between bars."""
    return code.partition("|")[0].strip()


def plain_icd(code: str) -> str:
    """An ICD code without dot and blanks, in capitals: G47.52, g4752 and " G47.52" are one code."""
    return bare(code).replace(".", "").replace(" ", "").upper()


class IcdTerms:
    """Value sets by ICD prefix; a longer prefix can be left out of a set again."""

    def __init__(self, taken: Mapping[str, set[str]], left_out: Mapping[str, set[str]]) -> None:
        self._by_category: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {}
        for prefix, sets in taken.items():
            for name in sorted(sets):
                outside = tuple(other for other, names in left_out.items() if name in names)
                self._by_category.setdefault(prefix[:3], []).append((prefix, name, outside))

    def get(self, code: str, /) -> Term | None:
        category = code[:3]
        if category not in self._by_category and category.isalnum() and category.isupper():
            return None
        plain = plain_icd(code)
        candidates = self._by_category.get(plain[:3], ())
        sets = [
            name
            for prefix, name, outside in candidates
            if plain.startswith(prefix) and not (outside and plain.startswith(outside))
        ]
        return Term(frozenset(sets)) if sets else None


_NEVER_THE_PATIENTS = ("Z03", "Z04", "Z13", "Z636", "Z80", "Z81", "Z82", "Z83", "Z84")


def is_never_the_patients(system: str | None, code: str | None) -> bool:
    """Whether an ICD-10 code says that no disease of the patient is meant: looked for, or somebody else's."""
    if not code or code.lstrip()[:1] not in ("Z", "z") or canonical(system) not in (ICD_10, ICD_10_CM):
        return False
    return plain_icd(code).startswith(_NEVER_THE_PATIENTS)


def is_sequela(system: str | None, code: str) -> bool:
    """Whether an ICD-10-CM code tells of what an injury left behind: its seventh character is S."""
    return canonical(system) == ICD_10_CM and len(plain := plain_icd(code)) == _SEQUELA and plain.endswith("S")
