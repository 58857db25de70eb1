"""The work-up of new myoclonus has gaps (MYO-01)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.content.text import escape, listed, since
from cds_service.facts.knowledge import ABSENT, Fact
from cds_service.facts.patient import Condition, PatientFacts
from cds_service.facts.words import Value
from cds_service.phenotypes import myoclonus
from cds_service.phenotypes.cognition import label_of
from cds_service.phenotypes.myoclonus_tests import ORDER_SETS, Workup, workup
from cds_service.phenotypes.planned_care import open_or_recent
from cds_service.rules.review import Finding, Review, rule

_NAMES = {"eeg": "EEG", "mri-brain": "MRI brain", "emg": "EMG"}
_OFFERS = {"eeg": "order-eeg", "mri-brain": "order-mri-brain", "emg": "order-emg", "bloods": "order-bloods"}
_REFERRAL = "referral-neurology"
_EXPLANATIONS = {
    "multiple-sclerosis": "multiple sclerosis",
    "parkinson-disease": "Parkinson's disease",
    "alzheimer-disease": "Alzheimer's disease",
    "creutzfeldt-jakob-disease": "Creutzfeldt-Jakob disease",
    "lipid-storage-disease": "lipid storage disease",
}


@rule(
    "myoclonus-workup",
    gives="Myoclonus dementia drugs explanations found missing no_recent not_found referral_reason where",
)
def myoclonus_workup(review: Review) -> Finding:
    facts = review.facts
    disorder = review.known("new-myoclonus", _new(review))
    review.unless("epilepsy", facts.conditions("epilepsy", "progressive-myoclonus-epilepsy"))
    review.unless("only-in-sleep", myoclonus.only_asleep(facts, disorder))
    tests = workup(facts)
    review.consider("already-ordered", facts.requests(*ORDER_SETS, _REFERRAL))
    for name, fact in tests.done.items():
        review.consider(name, fact)
    missing = review.known("work-up-incomplete", tests.missing)
    drugs = myoclonus.drugs(facts)
    review.consider("drug-that-can-cause-it", drugs)
    fast = myoclonus.rapid_dementia(facts)
    values: dict[str, Value] = {
        "Myoclonus": "Possible myoclonus" if disorder.possible else "Myoclonus",
        "where": "on the problem list" if disorder.listed else "on record",
        "found": f"{'possible: ' if disorder.possible else ''}{escape(disorder.words)} ({since(disorder.since)})",
        "missing": _missing(review, missing),
        "no_recent": _either(_NAMES.get(name, "metabolic panel") for name in missing),
        "not_found": "; ".join(_not_found(review, tests)),
        "explanations": listed(_explanations(facts)),
        "drugs": listed(f"{m.ingredient} ({since(m.start)})" for m in drugs.value_or(())),
        "dementia": fast.called(label_of(fast)) if fast else None,
        "referral_reason": "Myoclonus",
    }
    notes = ("watch", *(n for n in ("explanations", "drugs") if values[n]), "history", "referral")
    notes = notes if fast else (*notes, "decline")
    return Finding("urgent" if fast else "gaps", "gaps", values, notes, tuple(_offers(review, tests, bool(fast))))


def _new(review: Review) -> Fact[Condition]:
    """Myoclonus with an onset or a record of the last months, or without any date."""
    found = myoclonus.diagnosis(review.facts)
    return found.provided(lambda listed: _is_new(listed, review))


def _is_new(listed: Condition, review: Review) -> bool:
    dates, months = [day for day in (listed.onset, listed.recorded) if day], int(review.number("new-months"))
    return not dates or any(review.facts.within_months(day, months) for day in dates)


def _missing(review: Review, missing: tuple[str, ...]) -> str:
    """``no EEG or MRI brain found in 24 months, no metabolic panel in 3``."""
    long, short = _months(review)
    tests = _either(_NAMES[name] for name in missing if name in _NAMES)
    if "bloods" not in missing:
        return f"no {tests} found in the last {long} months"
    if not tests:
        return f"no full metabolic panel found in the last {short} months"
    return f"no {tests} found in {long} months, no full metabolic panel in {short}"


def _not_found(review: Review, tests: Workup) -> Iterator[str]:
    """The same in full, EMG and each blood test included."""
    long, short = _months(review)
    absent = [_NAMES[name] for name in _NAMES if tests.done[name] == ABSENT]
    if absent:
        yield f"{_either(absent)} of the last {long} months"
    if tests.done["bloods"] == ABSENT:
        yield f"{_either(tests.lacking)} of the last {short} months"


def _months(review: Review) -> tuple[int, int]:
    numbers = review.facts.numbers
    return numbers.whole("myoclonus", "test-months"), numbers.whole("myoclonus", "blood-months")


def _either(names: Iterable[str]) -> str:
    return listed(names).replace(" and ", " or ")


def _explanations(facts: PatientFacts) -> Iterator[str]:
    """Diseases on the problem list of which myoclonus is often a sign."""
    for name, label in _EXPLANATIONS.items():
        found = facts.conditions(name)
        if found.known:
            yield f"possible {label}" if all(c.possible for c in found.value) else label


def _offers(review: Review, tests: Workup, urgent: bool) -> Iterator[str]:
    """What was not found, imaging first with a brain tumor; the patient's task; the referral unless there is one."""
    facts = review.facts
    order = ["mri-brain", "eeg"] if facts.conditions("brain-tumour").known else ["eeg", "mri-brain"]
    yield from (_OFFERS[name] for name in (*order, "emg", "bloods") if not tests.done[name].known)
    yield "myoclonus-preparation"
    if not open_or_recent(facts, int(review.number("referral-months")), _REFERRAL).known:
        seizures = facts.past_conditions("epilepsy").known
        yield "refer-neurology-urgent" if urgent else "refer-epilepsy-center" if seizures else "refer-neurology"
