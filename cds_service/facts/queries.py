"""The prefetch keys, their FHIR queries, and which of them each read of a rule needs.

The queries are plain enough for any server: a type, the patient, at most a list of codes.
What further parameters would leave out is left out by the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from cds_service.fhir.code_systems import LOINC

_PATIENT = "patient={{context.patientId}}"
_CODES = "&code="
MEDICATIONS = "medications"
OBSERVATIONS = "observations"
ANSWERS = "answers"
DRAFTS = "drafts"
REASONS = "reasons"
"""In a trigger, what the drafts say that their drugs are for."""
"""Stands among collections for the orders under review, in the triggers of a card file."""
_REPORTS = "diagnosticReports"
DRUG_KEYS = ("medicationRequests", "medicationStatements", "medicationDispenses")

TEMPLATES = {
    "patient": "Patient/{{context.patientId}}",
    "conditions": f"Condition?{_PATIENT}",
    "medicationRequests": f"MedicationRequest?{_PATIENT}",
    "medicationStatements": f"MedicationStatement?{_PATIENT}",
    "medicationDispenses": f"MedicationDispense?{_PATIENT}",
    OBSERVATIONS: f"Observation?{_PATIENT}{_CODES}",
    "procedures": f"Procedure?{_PATIENT}",
    "serviceRequests": f"ServiceRequest?{_PATIENT}",
    "carePlans": f"CarePlan?{_PATIENT}&category=urn:org.rbd-cds:codes|bedroom-safety",
    "tasks": f"Task?{_PATIENT}",
    "questionnaireResponses": f"QuestionnaireResponse?{_PATIENT}",
    _REPORTS: f"DiagnosticReport?{_PATIENT}{_CODES}",
    "allergies": f"AllergyIntolerance?{_PATIENT}",
    "encounters": f"Encounter?{_PATIENT}",
    "adverseEvents": "AdverseEvent?subject=Patient/{{context.patientId}}",
}
"""Every prefetch key with its template; those that end with ``code=`` are completed by :func:`templates`."""

MAY_BE_UNSERVED = frozenset(TEMPLATES) - {"patient"}
"""The keys whose data an EHR may do without: those that are searched."""

READS: dict[str, tuple[str, ...]] = {
    "patient": ("patient",),
    "orders": (),
    "conditions": ("conditions",),
    "events": ("conditions", "encounters", "adverseEvents"),
    MEDICATIONS: DRUG_KEYS,
    ANSWERS: ("questionnaireResponses", OBSERVATIONS),
    OBSERVATIONS: (OBSERVATIONS,),
    "procedures": ("procedures",),
    "requests": ("serviceRequests",),
    "plans": ("carePlans", "tasks"),
    "allergies": ("allergies",),
    "reports": ("diagnosticReports", OBSERVATIONS),
}
"""What a card file may name in ``reads``, and the prefetch keys behind it.

``observations:<value set>`` reads the results in one value set.
"""

QUESTIONS = (
    "complex-movements",
    "vocalizations",
    "dream-enactment",
    "sustained-contractions",
    "injury",
    "dream-recall",
    "brief-jerks",
    "only-at-sleep-onset",
)
"""linkIds of the yes-or-no questions of the screening form."""

_RESULT_SETS = {
    ANSWERS: tuple(f"question-{link}" for link in QUESTIONS),
    "reports": ("rswa-present", "rswa-chin-any-3s", "rswa-chin-any-arm-phasic-3s", "rswa-30s"),
}


REPORT_SETS = ("sleep-study-attended",)
"""The value sets by whose codes reports are asked for: all that any rule reads."""


@cache
def collection(read: str) -> str:
    """The collection of :class:`~cds_service.facts.patient.PatientFacts` that a read opens."""
    return read.partition(":")[0]


@cache
def collections(reads: frozenset[str]) -> frozenset[str]:
    """The collections that these reads open."""
    return frozenset(map(collection, reads))


def templates(reads: Iterable[str], codes: Callable[[str], Iterable[tuple[str, str]]]) -> dict[str, str]:
    """The prefetch templates that satisfy the reads; ``codes`` gives the (system, code) pairs of a value set."""
    wanted = set(reads)
    keys = {key for read in wanted for key in READS[collection(read)]}
    result_sets = {read.partition(":")[2] for read in wanted if read.startswith(f"{OBSERVATIONS}:")}
    result_sets |= {name for read in wanted for name in _RESULT_SETS.get(read, ())}
    found = {key: template for key, template in TEMPLATES.items() if key in keys}
    for key, names in ((OBSERVATIONS, result_sets), (_REPORTS, REPORT_SETS)):
        if key in found:
            pairs = sorted({pair for name in names for pair in codes(name)})
            found[key] += ",".join(_token(system, code) for system, code in pairs)
    return found


def _token(system: str, code: str) -> str:
    # LOINC codes are unmistakable by themselves, and a short address is accepted by more servers.
    return code if system == LOINC else f"{system}|{code}"


def with_systems(found: Mapping[str, str]) -> dict[str, str]:
    """The templates with the system before each of their codes, for a server that demands it."""
    return {key: _with_systems(template) for key, template in found.items()}


def with_all_reports(found: Mapping[str, str]) -> dict[str, str]:
    """The templates with every report of the patient, for a site whose sleep studies have words and no code of ours."""
    return {key: template.partition(_CODES)[0] if key == _REPORTS else template for key, template in found.items()}


def with_components(found: Mapping[str, str]) -> dict[str, str]:
    """The templates that find results by the codes of their components too, for a server that knows the parameter."""
    whole, parts = _CODES, _CODES.replace("code", "combo-code")
    return {key: one.replace(whole, parts) if key == OBSERVATIONS else one for key, one in found.items()}


def with_parameters(found: Mapping[str, str], parameters: Mapping[str, str]) -> dict[str, str]:
    """The templates with what a server demands beside the patient, by key, such as ``intent=order,plan``."""
    return {key: f"{template}&{parameters[key]}" if key in parameters else template for key, template in found.items()}


def _with_systems(template: str) -> str:
    head, mark, codes = template.partition(_CODES)
    told = (code if "|" in code else f"{LOINC}|{code}" for code in codes.split(","))
    return head + mark + ",".join(told) if codes else template
