"""Results, answers, procedures, requests, allergies and reports, as far as a value set knows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from cds_service.facts.patient import Allergy, DiagnosticReport, Observation, PlannedCare, Procedure, ScreeningAnswer
from cds_service.facts.queries import QUESTIONS
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Interval, interval
from cds_service.fhir.quantities import amount
from cds_service.terminology.vocabulary import Vocabulary

CODES = "urn:org.rbd-cds:codes"
SCREEN = "rbd-screen"
"""The last step of every address that our screening form has had; what stands before it is the site's."""
_FINAL = {"final", "amended", "corrected"}
_QUESTION = "question-"
_OWN_LINKS = frozenset(QUESTIONS) - {"injury"}
"""The linkIds that no other form is likely to have."""
_LINKS = frozenset((*QUESTIONS, "informant"))
_THERAPIES = {"pap-therapy", "physiotherapy"}
"""Procedures that are done while they are under way."""


def observation(resource: fhir.Observation, sets: frozenset[str], vocabulary: Vocabulary) -> Observation | None:
    """A final result about the patient; None for a preliminary, absent or withdrawn one, or one about someone else."""
    if resource.status not in _FINAL or resource.data_absent_reason is not None or _about_someone_else(resource):
        return None
    quantity = amount(resource.value_quantity)
    number = quantity.value if quantity else fhir.number(resource.value_integer)
    answers = _answer_sets(resource.value_codeable_concept, vocabulary)
    return Observation(
        sets=sets,
        source=f"Observation/{resource.id}",
        day=effective(resource.effective_date_time or resource.effective_instant, resource.effective_period),
        value=number,
        unit=quantity.unit if quantity else "",
        comparator=quantity.comparator if quantity else "",
        answer=_yes_or_no(resource, answers),
        answer_sets=answers,
        text=resource.value_string or next(fhir.texts(resource.value_codeable_concept), ""),
        written=resource.effective_date_time or resource.effective_instant or "",
    )


def _about_someone_else(resource: fhir.Observation) -> bool:
    if not resource.focus:
        return False
    patient = resource.subject.reference if resource.subject else None
    return any(focus.reference != patient for focus in fhir.many(resource.focus))


def _answer_sets(concept: fhir.CodeableConcept | None, vocabulary: Vocabulary) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for coding in fhir.codings(concept):
        if coding.code:
            found |= vocabulary.code_sets(coding.system, coding.code)
    return found


def _yes_or_no(resource: fhir.Observation, answers: frozenset[str]) -> bool | None:
    if resource.value_boolean is not None:
        return resource.value_boolean
    if "answer-yes" in answers:
        return True
    return False if "answer-no" in answers else None


def effective(text: str | None, period: fhir.Period | None) -> Interval | None:
    return interval(text) or (interval(period.end or period.start) if period else None)


def question(found: Observation) -> ScreeningAnswer | None:
    """A screening question sent as an Observation of its own; the RBD1Q asks about dream enactment."""
    asked = f"{_QUESTION}dream-enactment" if "rbd1q" in found.sets else None
    name = next((s for s in found.sets if s.startswith(_QUESTION)), asked)
    if name is None or found.answer is None:
        return None
    return ScreeningAnswer(name.removeprefix(_QUESTION), found.answer, found.source, found.day, written=found.written)


def form_answers(resource: fhir.QuestionnaireResponse) -> Iterator[ScreeningAnswer]:
    """The yes and no answers of a completed or amended screening form."""
    if resource.status not in ("completed", "amended"):
        return
    items = list(_items(fhir.many(resource.item)))
    if not _is_screen(resource.questionnaire, {link for link, _ in items}):
        return
    informant = next((code for link, answer in items if link == "informant" and (code := _coded(answer))), "")
    day = interval(resource.authored)
    for link, answer in items:
        yes = _boolean(answer)
        if yes is not None:
            source = f"QuestionnaireResponse/{resource.id}"
            yield ScreeningAnswer(link, yes, source, day, informant, resource.authored or "")


def _is_screen(canonical: str | None, answered: set[str]) -> bool:
    """Whether the answers belong to our form, by its name or, as EHRs give forms addresses of their own, by linkIds.

    One question of ours among those of another form does not make it ours.
    """
    name = (canonical or "").partition("|")[0].partition("#")[0]
    if name.replace(":", "/").rpartition("/")[2] == SCREEN:
        return True
    own = answered & _OWN_LINKS
    return len(own) > 1 or (bool(own) and answered <= _LINKS)


def _items(items: list[fhir.Item]) -> Iterator[tuple[str, fhir.Answer]]:
    for item in items:
        for answer in fhir.many(item.answer):
            if item.link_id:
                yield item.link_id, answer
            yield from _items(fhir.many(answer.item))
        yield from _items(fhir.many(item.item))


def _coded(answer: fhir.Answer) -> str:
    return (answer.value_coding.code or "") if answer.value_coding else answer.value_string or ""


def _boolean(answer: fhir.Answer) -> bool | None:
    if answer.value_boolean is not None:
        return answer.value_boolean
    code = answer.value_coding.code if answer.value_coding else None
    return {"373066001": True, "LA33-6": True, "373067005": False, "LA32-8": False}.get(code or "")


def newest_first(found: list[ScreeningAnswer], today: date) -> tuple[ScreeningAnswer, ...]:
    """The answers by day and time, a yes before a no of the same moment; those dated after today do not count yet."""
    given = [answer for answer in found if answer.day is None or answer.day.first <= today]
    return tuple(sorted(given, key=lambda a: (_day(a.day), a.written, a.yes, a.source), reverse=True))


def _day(when: Interval | None) -> date:
    return when.last if when else date.min


def procedure(resource: fhir.Procedure, vocabulary: Vocabulary) -> Procedure | None:
    if resource.status not in ("completed", "in-progress"):
        return None
    match = vocabulary.codes(resource.code)
    if match is None or (resource.status == "in-progress" and match.sets.isdisjoint(_THERAPIES)):
        return None
    return Procedure(
        sets=match.sets,
        source=f"Procedure/{resource.id}",
        day=effective(resource.performed_date_time, resource.performed_period),
        under_way=resource.status == "in-progress",
        words=vocabulary.name(resource.code, match.sets),
    )


_OPEN = {"draft", "active", "on-hold", "requested", "received", "accepted", "ready", "in-progress"}
_DONE = {"completed"}


def service_request(resource: fhir.ServiceRequest, vocabulary: Vocabulary) -> PlannedCare | None:
    if resource.do_not_perform or resource.intent in ("proposal", "option"):
        return None
    day = interval(resource.authored_on) or effective(resource.occurrence_date_time, resource.occurrence_period)
    return _request(resource.status, vocabulary, [resource.code], f"ServiceRequest/{resource.id}", day)


def care_plan(resource: fhir.CarePlan, vocabulary: Vocabulary) -> PlannedCare | None:
    concepts = [*fhir.many(resource.category), fhir.CodeableConcept(text=resource.title)]
    day = (interval(resource.period.start) if resource.period else None) or interval(resource.created)
    return _request(resource.status, vocabulary, concepts, f"CarePlan/{resource.id}", day)


def task(resource: fhir.Task, vocabulary: Vocabulary) -> PlannedCare | None:
    concepts = [resource.code, fhir.CodeableConcept(text=resource.description)]
    day = interval(resource.authored_on) or interval(resource.last_modified)
    return _request(resource.status, vocabulary, concepts, f"Task/{resource.id}", day)


def _request(
    status: str | None,
    vocabulary: Vocabulary,
    concepts: Sequence[fhir.CodeableConcept | None],
    source: str,
    day: Interval | None,
) -> PlannedCare | None:
    if status not in _OPEN and status not in _DONE:
        return None
    sets = frozenset(s for concept in concepts if (m := vocabulary.codes(concept)) for s in m.sets)
    return PlannedCare(sets, source, status in _OPEN, day) if sets else None


def allergy(resource: fhir.AllergyIntolerance, vocabulary: Vocabulary) -> Allergy | None:
    if fhir.status_code(resource.verification_status) in ("refuted", "entered-in-error"):
        return None
    if fhir.status_code(resource.clinical_status) not in (None, "active"):
        return None
    concepts = [resource.code, *(r.substance for r in fhir.many(resource.reaction))]
    matches = [m for concept in concepts if (m := vocabulary.drug(concept)) and not m.uncertain]
    if not matches:
        return None
    return Allergy(
        ingredients=frozenset(i for m in matches for i in m.ingredients),
        sets=frozenset(s for m in matches for s in m.sets),
        words=next(fhir.texts(resource.code), "") or " / ".join(sorted({i for m in matches for i in m.ingredients})),
        source=f"AllergyIntolerance/{resource.id}",
    )


def report(
    resource: fhir.DiagnosticReport, vocabulary: Vocabulary, observations: Mapping[str, Observation]
) -> DiagnosticReport | None:
    """A final report; its results are those that were sent or are contained in it."""
    if resource.status not in _FINAL:
        return None
    match = vocabulary.codes(resource.code)
    if match is None:
        return None
    contained = {f"#{r.id}": r for r in fhir.many(resource.contained) if isinstance(r, fhir.Observation)}
    found = []
    for reference in fhir.many(resource.result):
        name = fhir.reference_id(reference, "Observation")
        if name and name in observations:
            found.append(observations[name])
        elif (held := contained.get(reference.reference or "")) and (own := read_observation(held, vocabulary)):
            found.append(own)
    day = effective(resource.effective_date_time, resource.effective_period) or interval(resource.issued)
    return DiagnosticReport(match.sets, f"DiagnosticReport/{resource.id}", day, tuple(found))


_CODED = ("http://loinc.org", "http://snomed.info/sct", CODES)


def perhaps_known(found: Iterable[fhir.Observation], vocabulary: Vocabulary) -> list[fhir.Observation]:
    """The results without those whose only code is of a system we know and in no value set."""
    codes: dict[str | None, frozenset[str]] = {system: vocabulary.codes_under(system) for system in _CODED}
    kept = []
    for one in found:
        listed = one.code.coding if one.code else None
        if type(listed) is list and len(listed) == 1:
            (only,) = listed
            known = codes.get(only.system)
            if known is not None and only.code and only.code.strip() not in known:
                continue
        kept.append(one)
    return kept


def read_observation(resource: fhir.Observation, vocabulary: Vocabulary) -> Observation | None:
    """A result that some value set knows: by code; by words only where no coding is from a system we know."""
    concept = resource.code
    if concept is None:
        return None
    known = False
    for coding in fhir.many(concept.coding):
        if coding.code:
            sets = vocabulary.code_sets(coding.system, coding.code)
            if sets:
                return observation(resource, sets, vocabulary)
            known = known or coding.system in _CODED
    match = None if known else vocabulary.codes(concept)
    return observation(resource, match.sets, vocabulary) if match else None
