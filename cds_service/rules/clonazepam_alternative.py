"""What the clonazepam cards offer instead, by what the drug is given for (clinical specification 2.4, Clonazepam)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cds_service.facts.attempts import Attempt, Outcome
from cds_service.facts.knowledge import ABSENT, Fact, either
from cds_service.facts.patient import Condition, Medication, Order, PatientFacts
from cds_service.facts.words import Record, Value, dated, on, phrasing
from cds_service.phenotypes import cognition, kidney
from cds_service.phenotypes.age import is_adult, is_child
from cds_service.phenotypes.pairs import Side
from cds_service.phenotypes.palliative import palliative_care
from cds_service.phenotypes.pregnancy import pregnancy
from cds_service.phenotypes.therapy import (
    Indication,
    current_of,
    indication,
    is_falling_series,
    is_new,
    lapsed_of,
    perhaps_taper,
    taper,
)
from cds_service.rules.review import Review

# No safety data for melatonin, and levetiracetam is a question for neurology: neither is offered in pregnancy.
_IN_PREGNANCY = {Indication.RBD: "draft-rbd-no-melatonin", Indication.MYOCLONUS: "draft-plain"}
_LABELLED_USES = {
    Indication.EPILEPSY: phrasing("epilepsy")(),
    Indication.PANIC: phrasing("panic-disorder")(),
    Indication.ANXIETY: phrasing("anxiety")(),
    Indication.SEVERAL: phrasing("several-possible")(),
}
REVIEW_ONLY = ("clonazepam-review",)
_MELATONIN_PREFERRED = phrasing("melatonin-preferred")()
_A_DAY = phrasing("mg-a-day", "dose")
_CLEARANCE = phrasing("clearance-of", "rate")
_EGFR = phrasing("egfr-of", "rate")


class Alternative(msgspec.Struct, frozen=True):
    """The variant of the card, its suggestions, and the paragraphs that go with them."""

    card: str
    offers: tuple[str, ...]
    notes: tuple[str, ...]
    values: dict[str, Value]
    clause: Value
    palliative: bool
    considered: Mapping[str, Fact[object]]
    stale: Medication | None = None
    """What the chart lists as taken, where only an old entry tells of it."""


class _Advice(msgspec.Struct, frozen=True):
    """What fits the purpose: paragraphs, suggestions, the variant of the card, and by criterion what it rests on."""

    notes: tuple[str, ...]
    offers: tuple[str, ...]
    card: str
    considered: Mapping[str, Fact[object]] = {}


def given(review: Review) -> str:
    """The criteria that every clonazepam card shares: clonazepam, not being stopped."""
    return review.drug("clonazepam-proposed", "clonazepam")


def proposed(review: Review) -> str:
    """As :func:`given`, and not a taper."""
    name = given(review)
    if isinstance(review.therapy, Order):
        review.unless("taper", review.once(_taper))
    else:
        review.unless("taper", is_falling_series(review.therapy, review.facts), review.therapy.source)
    return name


def _taper(review: Review) -> Fact[object]:
    return taper(review.order, review.facts)


def alternative(review: Review, because: Value) -> Alternative:
    """What to offer in place of clonazepam, given what was found in this patient (``because``)."""
    offer = review.once(_alternative)
    for criterion, fact in offer.considered.items():
        review.consider(criterion, fact)
    return msgspec.structs.replace(offer, values={"because": because, **offer.values})


def _alternative(review: Review) -> Alternative:
    """The same whatever was found."""
    purpose = indication(review.therapy, review.facts)
    advice = _by_purpose(review.facts, purpose)
    notes, offers, card = advice.notes, advice.offers, advice.card
    values: dict[str, Value] = {"indication": _LABELLED_USES.get(purpose), "drug": "clonazepam"}
    values |= _kidney_values(review.facts) if purpose is Indication.MYOCLONUS else {}
    values["melatonin_failed"] = on(_failed(review.facts).read_as(lambda trial: trial.when).value_or(None))
    taken = taken_already(review)
    if taken is not None:
        values["taken"] = dated(Record(taken.drug.words), Side("clonazepam", taken).state)
        offers, card, notes = REVIEW_ONLY, "current", ("taper", *notes)
        if isinstance(review.therapy, Order) and perhaps_taper(review.therapy, review.facts):
            notes = ("perhaps-taper", *notes)
        if taken.old and taken is not review.subject:
            values["since"] = taken.written
            notes = ("old-entry", *notes)
    elif isinstance(review.therapy, Order) and (lapsed := lapsed_of(review.therapy, review.facts)):
        offers, notes = REVIEW_ONLY, ("lapsed", *notes)
        values["until"] = lapsed.lapsed
    elif isinstance(review.therapy, Order) and not is_new(review.therapy, review.facts):
        offers = ()
    palliative = is_palliative(review)
    if palliative:
        notes = ("palliative", *notes)
        offers = REVIEW_ONLY if offers == REVIEW_ONLY else ()
    clause = _MELATONIN_PREFERRED if "rbd-alternative" in notes else ""
    stale = taken if taken is not None and taken.old and taken is review.subject else None
    return Alternative(card, offers, notes, values, clause, palliative, advice.considered, stale)


def taken_already(review: Review) -> Medication | None:
    """The clonazepam that the patient takes: its end, and its replacement, are no matter of one click."""
    if isinstance(review.therapy, Medication):
        return review.therapy
    return current_of(review.therapy, review.facts).value_or(None)


def is_palliative(review: Review) -> bool:
    """Hospice or end-of-life care on record: clonazepam cards drop to info (G-08)."""
    return palliative_care(review.facts).known


def _by_purpose(facts: PatientFacts, purpose: Indication) -> _Advice:
    if purpose in _IN_PREGNANCY and pregnancy(facts).known:
        return _Advice((), ("remove-draft",), _IN_PREGNANCY[purpose])
    if purpose is Indication.RBD:
        return _for_rbd(facts)
    if purpose is Indication.MYOCLONUS:
        return _for_myoclonus(facts)
    if purpose in (Indication.NOT_STATED, Indication.OTHER):
        stated = () if purpose is Indication.OTHER else ("not-stated",)
        return _Advice(stated, ("remove-draft",), "draft-plain")
    use = "seizures" if purpose is Indication.EPILEPSY else "specialist"
    return _Advice((use,), ("remove-draft",), "draft-specialist")


def _for_rbd(facts: PatientFacts) -> _Advice:
    """Melatonin, unless an allergy, fluvoxamine, liver disease, a failed trial or the age speaks against it."""
    allergy = facts.allergies("melatonin")
    fluvoxamine = facts.current_drugs("ssri")
    liver = facts.conditions("liver-failure")
    taken = facts.current_drugs("melatonin").first()
    considered = {"melatonin-allergy": allergy, "fluvoxamine": fluvoxamine, "liver-failure": liver}
    refused: tuple[str, ...] = ()
    if allergy.known:
        refused = ("no-melatonin-allergy",)
    elif any(m.ingredient == "fluvoxamine" for m in fluvoxamine.value_or(())):
        refused = ("no-melatonin-fluvoxamine",)
    elif liver.known:
        refused = ("no-melatonin-liver",)
    elif not taken.known and _failed(facts).known:
        refused = ("no-melatonin-failed",)
    if refused or is_child(facts):
        notes = (*refused, *_rivastigmine(facts))
        return _Advice(notes, ("remove-draft",), "draft-rbd-no-melatonin", considered)
    if taken.known:
        notes = ("rbd-alternative", _titrating(taken.value, facts), *_rivastigmine(facts))
        return _Advice(notes, ("remove-draft",), "draft-rbd", considered)
    if _is_drafted(facts, "melatonin"):
        notes = ("rbd-alternative", "melatonin-drafted", *_rivastigmine(facts))
        return _Advice(notes, ("remove-draft",), "draft-rbd", considered)
    notes = ("rbd-alternative", *_rivastigmine(facts))
    return _Advice(notes, ("replace-with-melatonin", "remove-draft"), "draft-rbd", considered)


def _is_drafted(facts: PatientFacts, name: str) -> bool:
    """Whether an order of the drug is under way already, here or in the chart: none is offered again."""
    beside = any(order.drug and name in order.drug.sets and not order.stops for order in facts.orders)
    return beside or facts.attempts(name).where(lambda one: one.outcome is Outcome.TO_COME).known


def _failed(facts: PatientFacts) -> Fact[Attempt]:
    """A trial of melatonin that did not help, whenever that was."""
    return facts.attempts("melatonin").where(lambda one: one.outcome is Outcome.WITHOUT_EFFECT).first()


def _titrating(melatonin: Medication, facts: PatientFacts) -> str:
    daily, highest = melatonin.dose.today_mg, facts.numbers.value("melatonin", "melatonin-highest")
    if daily is None:
        return "on-melatonin-unknown"
    return "on-melatonin" if daily < highest else "on-melatonin-highest"


def _rivastigmine(facts: PatientFacts) -> tuple[str, ...]:
    """The line on the patch: with mild cognitive impairment or Parkinson's disease, never with other dementias."""
    fits = facts.conditions("mild-cognitive-impairment", "parkinson-disease").known
    return ("rivastigmine",) if fits and not cognition.dementia(facts).known else ()


def _for_myoclonus(facts: PatientFacts) -> _Advice:
    """Levetiracetam, to a known adult of known kidney function in whom nothing speaks against it."""
    against = (facts.current_drugs("levetiracetam"), facts.allergies("levetiracetam"), _psychosis(facts))
    considered: dict[str, Fact[object]] = {"levetiracetam": either(*against)}
    for note, fact in zip(("on-levetiracetam", "no-levetiracetam-allergy", "psychosis"), against, strict=True):
        if fact.known:
            return _Advice((note,), ("remove-draft",), "draft-plain", considered)
    if not is_adult(facts):
        note = "by-weight" if is_child(facts) else "levetiracetam-age-unknown"
        return _Advice((note,), ("remove-draft",), "draft-plain", considered)
    reason = _kidneys(facts)
    if reason or considered["levetiracetam"] != ABSENT:
        return _Advice(("levetiracetam", *reason), ("remove-draft",), "draft-myoclonus", considered)
    if _is_drafted(facts, "levetiracetam"):
        return _Advice(("levetiracetam", "levetiracetam-drafted"), ("remove-draft",), "draft-myoclonus", considered)
    return _Advice(("levetiracetam",), ("replace-with-levetiracetam", "remove-draft"), "draft-myoclonus", considered)


def _psychosis(facts: PatientFacts) -> Fact[tuple[Condition, ...]]:
    return either(facts.conditions("psychotic-disorder"), facts.past_conditions("psychotic-disorder"))


def _kidneys(facts: PatientFacts) -> tuple[str, ...]:
    """Why no order is offered: dialysis, or a clearance that is unknown or too low for the start."""
    found = kidney.clearance(facts)
    if facts.conditions("dialysis").where(lambda one: not one.possible).known:
        return ("dialysis",)
    if not found.known:
        return ("kidney-unknown",)
    return ("kidney-low",) if found.value.value < facts.numbers.value("kidney", "levetiracetam-from") else ()


def _kidney_values(facts: PatientFacts) -> dict[str, Value]:
    found = kidney.clearance(facts)
    if not found.known:
        return {"clearance": None, "label_maximum": None}
    band = kidney.levetiracetam(facts)
    rate = (_EGFR if found.value.estimated else _CLEARANCE)(rate=found.value.shown(band))
    return {"clearance": rate, "label_maximum": _A_DAY(dose=band(found.value.highest))}
