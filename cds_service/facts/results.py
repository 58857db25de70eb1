"""Results, answers, procedures, requests, allergies and reports, as far as a value set knows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

import msgspec

from cds_service.facts.patient import Allergy, DiagnosticReport, Observation, PlannedCare, Procedure, ScreeningAnswer
from cds_service.facts.queries import QUESTIONS
from cds_service.facts.values import CODED, CODES, is_neither, said, yes_or_no
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Interval, interval
from cds_service.fhir.quantities import Amount, amount
from cds_service.fhir.references import local
from cds_service.fhir.statuses import CLINICAL, VERIFICATION, is_error, status_of
from cds_service.terminology.vocabulary import Vocabulary

SCREEN = "rbd-screen"
"""The last step of every address that our screening form has had; what stands before it is the site's."""
_NO_SETS: frozenset[str] = frozenset()
_FINAL = {"final", "amended", "corrected"}
_QUESTION = "question-"
_UNREADABLE = "the newest answer cannot be read"
_OWN_LINKS = frozenset(QUESTIONS) - {"injury"}
"""The linkIds that no other form is likely to have."""
_LINKS = frozenset((*QUESTIONS, "informant"))
_THERAPIES = {"pap-therapy", "physiotherapy", "palliative", "hospice-order"}
"""Procedures that are done while they are under way."""


def _about_someone_else(resource: fhir.Observation) -> bool:
    if not resource.focus:
        return False
    patient = resource.subject.reference if resource.subject else None
    return any(focus.reference != patient for focus in fhir.many(resource.focus))


def effective(text: str | None, period: fhir.Period | None) -> Interval | None:
    return interval(text) or (interval(period.end or period.start) if period else None)


def question(found: Observation) -> ScreeningAnswer | None:
    """A screening question sent as an Observation of its own; the RBD1Q asks about dream enactment."""
    asked = f"{_QUESTION}dream-enactment" if "rbd1q" in found.sets else None
    name = next((s for s in found.sets if s.startswith(_QUESTION)), asked)
    if name is None:
        return None
    return _screening(name.removeprefix(_QUESTION), found.answer, found.source, found.day, written=found.written)


def _screening(
    link: str,
    yes: bool | None,
    source: str,
    day: Interval | None,
    *,
    informant: str = "",
    written: str = "",
    why_not: str = "",
) -> ScreeningAnswer:
    """An answer, or why it does not count."""
    if not why_not and yes is None:
        why_not = _UNREADABLE
    elif not why_not and day is None:
        why_not = "the answer is without a date"
    return ScreeningAnswer(link, bool(yes), source, day, informant, written, why_not)


def form_answers(resource: fhir.QuestionnaireResponse, vocabulary: Vocabulary) -> Iterator[ScreeningAnswer]:
    """The answers of a completed or amended screening form; those that only look like it do not count."""
    if resource.status not in ("completed", "amended"):
        return
    items = list(_items(fhir.many(resource.item)))
    name = _name(resource.questionnaire)
    links = {link for link, _ in items}
    if name != SCREEN and not _looks_like_it(links):
        return
    why_not = "" if name in ("", SCREEN) else "a form under another name looks like the screening form"
    informant = next((code for link, answer in items if link == "informant" and (code := _coded(answer))), "")
    source, day = f"QuestionnaireResponse/{resource.id}", interval(resource.authored)
    for link, answer in items:
        if link in QUESTIONS and not is_neither(answer):
            yes = yes_or_no(answer, vocabulary)
            written = resource.authored or ""
            yield _screening(link, yes, source, day, informant=informant, written=written, why_not=why_not)


def _name(canonical: str | None) -> str:
    """The last step of a form's address, without version, query and fragment."""
    return re.split(r"[|?#]", canonical or "", maxsplit=1)[0].replace(":", "/").rpartition("/")[2]


def _looks_like_it(answered: set[str]) -> bool:
    """Whether the answers are those of our form, by their linkIds.

    One question of ours among those of another form does not make it ours.
    """
    own = answered & _OWN_LINKS
    return len(own) > 1 or (bool(own) and answered <= _LINKS)


def _items(items: list[fhir.Item]) -> Iterator[tuple[str, fhir.Answer]]:
    for item in items:
        for answer in fhir.many(item.answer):
            if item.link_id:
                yield item.link_id.removeprefix("/"), answer
            yield from _items(fhir.many(answer.item))
        yield from _items(fhir.many(item.item))


def _coded(answer: fhir.Answer) -> str:
    return (answer.value_coding.code or "") if answer.value_coding else answer.value_string or ""


def newest_first(found: list[ScreeningAnswer], today: date) -> tuple[ScreeningAnswer, ...]:
    """The answers by day and time, a yes before a no of the same moment; those dated after today do not count yet.

    None stands in for a newer one to the same question that cannot be read.
    """
    given = [answer for answer in found if answer.day is None or answer.day.first <= today]
    kept, lost = [], set()
    for answer in sorted(given, key=lambda a: (_day(a.day), a.written, a.yes, a.source), reverse=True):
        if answer.question not in lost:
            kept.append(answer)
        if answer.why_not == _UNREADABLE:
            lost.add(answer.question)
    return tuple(kept)


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
    source, names = f"Task/{resource.id}", _names(resource.code)
    known = _request(resource.status, vocabulary, concepts, source, day)
    if known is None and (not names or resource.status not in _OPEN):
        return None
    focus = local(resource.focus.reference or "") if resource.focus else ""
    return msgspec.structs.replace(known or PlannedCare(_NO_SETS, source, True, day), names=names, focus=focus)


def _names(code: fhir.CodeableConcept | None) -> frozenset[str]:
    if code is None:
        return _NO_SETS
    own = [one.code for one in fhir.many(code.coding) if one.system == CODES and one.code]
    return frozenset([*own, *([code.text.casefold()] if code.text else [])])


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
    verification, clinical = resource.verification_status, resource.clinical_status
    if is_error(verification, clinical) or status_of(verification, VERIFICATION) == "refuted":
        return None
    if status_of(clinical, CLINICAL) not in (None, "active"):
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
    resource: fhir.DiagnosticReport,
    vocabulary: Vocabulary,
    results_of: Callable[[fhir.DiagnosticReport], tuple[Observation, ...]],
) -> DiagnosticReport | None:
    """A final report with its results."""
    if resource.status not in _FINAL:
        return None
    match = vocabulary.codes(resource.code)
    if match is None:
        return None
    day = effective(resource.effective_date_time, resource.effective_period) or interval(resource.issued)
    return DiagnosticReport(match.sets, f"DiagnosticReport/{resource.id}", day, results_of(resource))


def perhaps_known(found: Iterable[fhir.Observation], vocabulary: Vocabulary) -> list[fhir.Observation]:
    """The results without those of which every code is the only one, of a system we know, and in no value set."""
    codes: dict[str | None, frozenset[str]] = {system: vocabulary.codes_under(system) for system in CODED}
    return [
        one
        for one in found
        if not _is_strange(one.code, codes)
        or (one.component and not all(_is_strange(part.code, codes) for part in fhir.many(one.component)))
    ]


def _is_strange(concept: fhir.CodeableConcept | None, codes: Mapping[str | None, frozenset[str]]) -> bool:
    listed = concept.coding if concept else None
    if type(listed) is not list or len(listed) != 1:
        return False
    (only,) = listed
    known = codes.get(only.system)
    return bool(known is not None and only.code and only.code.strip() not in known)


def read_observations(
    resource: fhir.Observation, vocabulary: Vocabulary, most: Mapping[str, float]
) -> Iterator[Observation]:
    """The final results about the patient that some value set knows, each component of a panel being one."""
    if resource.status not in _FINAL or _about_someone_else(resource):
        return
    components = fhir.many(resource.component)
    is_panel = (components or resource.has_member) and _is_without_value(resource)
    for part in (*(() if is_panel else (resource,)), *components):
        sets = known_sets(part.code, vocabulary) if part.code and part.data_absent_reason is None else _NO_SETS
        if sets:
            yield _observation(part, resource, sets, vocabulary, most)


_VALUES = tuple(name for name in fhir.Component.__struct_fields__ if name.startswith("value_"))


def _is_without_value(resource: fhir.Observation) -> bool:
    return all(getattr(resource, name) is None for name in _VALUES)


def known_sets(concept: fhir.CodeableConcept, vocabulary: Vocabulary) -> frozenset[str]:
    """By code; by words only where no coding is from a system we know."""
    known = False
    for coding in fhir.many(concept.coding):
        if coding.code:
            sets = vocabulary.code_sets(coding.system, coding.code)
            if sets:
                return sets
            known = known or coding.system in CODED
    match = None if known else vocabulary.codes(concept)
    return match.sets if match else _NO_SETS


def _observation(
    part: fhir.Observation | fhir.Component,
    whole: fhir.Observation,
    sets: frozenset[str],
    vocabulary: Vocabulary,
    most: Mapping[str, float],
) -> Observation:
    told = said(part, next((most[name] for name in sets if name in most), None), vocabulary)
    written = whole.effective_date_time or whole.effective_instant
    return Observation(
        sets=sets,
        source=f"Observation/{whole.id}",
        day=effective(written, whole.effective_period) or interval(whole.issued),
        value=told.number.value if told.number else None,
        unit=told.number.unit if told.number else "",
        comparator=told.number.comparator if told.number else "",
        high=_high(part),
        answer=told.answer,
        answer_sets=told.sets,
        readable=told.readable,
        text=told.text,
        written=written or whole.issued or "",
    )


def _high(part: fhir.Observation | fhir.Component) -> Amount | None:
    ranges = part.reference_range if isinstance(part, fhir.Observation) else None
    ends = [end for one in fhir.many(ranges) if (end := amount(one.high))]
    return max(ends, key=lambda end: end.value, default=None)
