"""Movements in sleep are recorded and the questions that tell RBD from harmless jerks are not (RBD-02)."""

from __future__ import annotations

import msgspec

from cds_service.content.text import since
from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable, either
from cds_service.facts.patient import Condition, PatientFacts, PlannedCare
from cds_service.facts.queries import QUESTIONS
from cds_service.facts.words import Value
from cds_service.fhir.dates import within_months
from cds_service.phenotypes import rbd, sleep_study
from cds_service.phenotypes.rbd import Level, Suspicion
from cds_service.rules.rbd_signs import named, signs, told
from cds_service.rules.review import Finding, Record, Review, rule

_DISEASES = {
    "parkinson-disease": "Parkinson's disease",
    "dementia-with-lewy-bodies": "Lewy body dementia",
    "multiple-system-atrophy": "Multiple system atrophy",
}


class Reason(msgspec.Struct, frozen=True):
    """Why to ask: the variant of the card, our words for its summary, and what the record says."""

    card: str
    label: str
    found: Value


@rule("rbd-screen", gives="found label missing")
def rbd_screen(review: Review) -> Finding:
    facts = review.facts
    review.unless("rbd-known", either(facts.conditions("rbd"), facts.past_conditions("rbd")))
    missing = review.known("answers-missing", rbd.unanswered(facts))
    seen = rbd.suspicion(facts)
    reason = review.known("reason-to-ask", _reason(review, seen))
    review.unless("study-settles-it", _studied(review, seen))
    review.unless("already-asked", _sent(facts, int(review.number("repeat-months"))))
    card = reason.card if reason.card == "age-unknown" or "dream-enactment" in missing else "rest"
    notes = ["bed-partner"] if card in ("rest", "age-unknown") else ["single-question", "bed-partner"]
    if not isinstance(facts.age, Known):
        notes.append("age-unknown")
    values = {"label": reason.label, "found": reason.found, "missing": named(missing)}
    return Finding(card, "ask", values, tuple(notes))


def _reason(review: Review, seen: Fact[Suspicion]) -> Fact[Reason]:
    complaint = _complaint(rbd.complaint(review.facts))
    return either(complaint, _sign(review.facts, seen), _synuclein(review))


def _complaint(found: Fact[Condition]) -> Fact[Reason]:
    if not isinstance(found, Known):
        return found
    return Known(Reason("complaint", "Movements in sleep", _on_list(found.value)), found.sources)


def _on_list(listed: Condition) -> Record:
    return Record(f"{listed.words}, {since(listed.since)}")


def _sign(facts: PatientFacts, seen: Fact[Suspicion]) -> Fact[Reason]:
    """A weak sign over 50 or at an unknown age, or possible RBD at an unknown age."""
    if not isinstance(seen, Known):
        return seen
    level, aged = seen.value.level, isinstance(facts.age, Known)
    weak = level is Level.WEAK and (seen.value.over_50 or not aged)
    if not weak and (level is not Level.POSSIBLE or aged):
        return ABSENT
    label = signs(seen.value)
    card = "open-question" if weak else "age-unknown"
    return Known(Reason(card, label[:1].upper() + label[1:], told(seen.value)["present"]), seen.sources)


def _synuclein(review: Review) -> Fact[Reason]:
    """Where a site asks for it: Parkinson's or a related disease, and no question answered within the window."""
    facts, months = review.facts, int(review.number("question-months"))
    found = facts.conditions(*rbd.SYNUCLEIN_SETS) if review.number("ask-with-synuclein-disease") else ABSENT
    answered = facts.answers(*QUESTIONS)
    if not isinstance(found, Known):
        return found
    if isinstance(answered, Unavailable):
        return answered
    given = answered.value if isinstance(answered, Known) else ()
    if any(answer.day is None or within_months(answer.day, months, facts.today) for answer in given):
        return ABSENT
    disease = found.value[0]
    label = next(words for name, words in _DISEASES.items() if name in disease.sets)
    return Known(Reason("open-question", label, _on_list(disease)), found.sources)


def _studied(review: Review, seen: Fact[Suspicion]) -> Fact[object]:
    """With red flags, a study done or on order settles more than the questions would."""
    if not isinstance(seen, Known) or seen.value.level is not Level.SUSPECTED:
        return ABSENT
    done: Fact[object] = sleep_study.done(review.facts)
    return either(done, sleep_study.on_order(review.facts))


def _sent(facts: PatientFacts, months: int) -> Fact[tuple[PlannedCare, ...]]:
    found = facts.plans("rbd-screen-task")
    if not isinstance(found, Known):
        return found
    recent = tuple(task for task in found.value if task.day is None or within_months(task.day, months, facts.today))
    return Known(recent, tuple(task.source for task in recent)) if recent else ABSENT
