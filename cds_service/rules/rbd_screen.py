"""Movements in sleep are recorded and the questions that tell RBD from harmless jerks are not (RBD-02)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Unavailable, either
from cds_service.facts.patient import Condition, PatientFacts, PlannedCare
from cds_service.facts.queries import QUESTIONS
from cds_service.facts.words import Record, Value, listed, phrasing, since
from cds_service.phenotypes import rbd, sleep_study
from cds_service.phenotypes.rbd import Level, Suspicion
from cds_service.rules.rbd_signs import NAMES, NONE, named, present, said_yes, signs
from cds_service.rules.review import Finding, Review, rule

_MOVEMENTS = phrasing("movements-in-sleep", rule="rbd-screen")()
_FIRST = {name: phrasing(f"{name}-first", rule="rbd-screen")() for name in NAMES}
_DISEASES = {name: phrasing(f"{name}-first", rule="rbd-screen")() for name in rbd.SYNUCLEIN_SETS}
_ON_LIST = phrasing("on-the-list", "words", "since", rule="rbd-screen")


class ScreeningReason(msgspec.Struct, frozen=True):
    """Why to ask: the variant of the card, our words for the beginning of its summary, and what the record says."""

    card: str
    label: Value
    found: Value


@rule("rbd-screen", gives="absent found label missing")
def rbd_screen(review: Review) -> Finding:
    facts = review.facts
    review.unless("rbd-known", rbd.settled(facts))
    seen, missing = rbd.firm_suspicion(facts), rbd.unanswered(facts)
    hurt = seen.provided(_hurt)
    review.only_if("answers-missing", either(hurt, missing))
    reason = review.known("reason-to-ask", _reason(review, seen))
    review.unless("study-settles-it", _studied(review, seen))
    sent = _sent(facts, int(review.number("repeat-months")))
    review.unless("already-asked", ABSENT if hurt.known else sent)
    return _asking(reason, missing.value_or(()), seen, facts)


def _asking(reason: ScreeningReason, missing: tuple[str, ...], seen: Fact[Suspicion], facts: PatientFacts) -> Finding:
    injured = reason.card == "injury"
    card = reason.card if injured or reason.card == "age-unknown" or "dream-enactment" in missing else "rest"
    if injured and not missing:
        card = "injury-alone"
    flags = seen.value.flags if seen.known else rbd.flags(facts)
    values = {
        "label": reason.label,
        "found": reason.found,
        "missing": named(missing),
        "absent": named(name for name in rbd.RED_FLAGS if flags[name].yes is False) or NONE,
    }
    notes = [*(["form"] if missing else []), "bed-partner", *([] if facts.age.known else ["age-unknown"])]
    offers = () if injured and _is_open(facts) else None
    return Finding(card, "ask", values, tuple(notes), offers)


def _hurt(seen: Suspicion) -> bool:
    """Injury that no movement in sleep explains."""
    return seen.level is Level.WEAK and seen.says("injury")


def _is_open(facts: PatientFacts) -> bool:
    """Whether the questions were sent and wait for an answer."""
    return facts.plans("rbd-screen-task").where(lambda task: task.open).known


def _reason(review: Review, seen: Fact[Suspicion]) -> Fact[ScreeningReason]:
    complaint = rbd.complaint(review.facts).read_as(lambda c: ScreeningReason("complaint", _MOVEMENTS, _on_list(c)))
    hurt = seen.provided(_hurt).read_as(lambda told: ScreeningReason("injury", NAMES["injury"], present(told)))
    return either(hurt, complaint, _sign(review.facts, seen), _synuclein(review))


def _on_list(complaint: Condition) -> Value:
    return _ON_LIST(words=Record(complaint.words), since=since(complaint.since))


def _sign(facts: PatientFacts, seen: Fact[Suspicion]) -> Fact[ScreeningReason]:
    """A weak sign over the age limit or at an unknown age, or possible RBD at an unknown age."""
    aged = facts.age.known
    return seen.provided(lambda suspected: _tells(suspected, aged)).read_as(_telling)


def _tells(seen: Suspicion, aged: bool) -> bool:
    return seen.level is Level.WEAK and seen.over_age is True if aged else seen.level in (Level.WEAK, Level.POSSIBLE)


def _telling(seen: Suspicion) -> ScreeningReason:
    card = "open-question" if seen.level is Level.WEAK else "age-unknown"
    return ScreeningReason(card, _beginning(seen), present(seen))


def _beginning(seen: Suspicion) -> Value:
    """Every sign that was told, as a sentence begins with them."""
    first, every = said_yes(seen)[:1], signs(seen)
    return listed((_FIRST[first[0]], *every.items[1:])) if first else every


def _synuclein(review: Review) -> Fact[ScreeningReason]:
    """Where a site asks for it: Parkinson's or a related disease, and no question answered within the window."""
    facts, months = review.facts, int(review.number("question-months"))
    found = facts.conditions(*rbd.SYNUCLEIN_SETS) if review.number("ask-with-synuclein-disease") else ABSENT
    answered = facts.answers(*QUESTIONS)
    if not found.known:
        return found
    if isinstance(answered, Unavailable):
        return answered
    if any(answer.day is None or facts.within_months(answer.day, months) for answer in answered.value_or(())):
        return ABSENT
    return found.read_as(lambda diseases: _diseased(diseases[0]))


def _diseased(disease: Condition) -> ScreeningReason:
    label = next(words for name, words in _DISEASES.items() if name in disease.sets)
    return ScreeningReason("open-question", label, _on_list(disease))


def _studied(review: Review, seen: Fact[Suspicion]) -> Fact[object]:
    """With red flags, a study done or on order settles more than the questions would."""
    suspected = seen.known and seen.value.level is Level.SUSPECTED
    return sleep_study.done_or_ordered(review.facts) if suspected else ABSENT


def _sent(facts: PatientFacts, months: int) -> Fact[tuple[PlannedCare, ...]]:
    return facts.plans("rbd-screen-task").where(lambda task: task.day is None or facts.within_months(task.day, months))
