"""The work-up of new myoclonus has gaps (MYO-01)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from cds_service.facts.knowledge import ABSENT, Fact
from cds_service.facts.patient import Condition, PatientFacts
from cds_service.facts.words import Said, Value, dated, listed, phrasing, possible, since
from cds_service.phenotypes import myoclonus
from cds_service.phenotypes.cognition import label_of
from cds_service.phenotypes.myoclonus_tests import BLOODS, ORDER_SETS, TESTS, Workup, workup
from cds_service.phenotypes.planned_care import open_or_recent
from cds_service.rules.review import Finding, Review, rule

_phrasing = partial(phrasing, rule="myoclonus-workup")
_TESTS = {name: _phrasing(name)() for name in TESTS}
_BLOODS = {name: _phrasing(name)() for name in BLOODS}
_PANEL = _phrasing("metabolic-panel")()
_NO_TESTS = _phrasing("no-tests", "tests")
_NO_BLOODS = _phrasing("no-bloods")()
_NEITHER = _phrasing("no-tests-no-bloods", "tests")
_TESTS_NOT_FOUND = _phrasing("tests-not-found", "tests")
_BLOODS_NOT_FOUND = _phrasing("bloods-not-found", "tests")
_ON_PROBLEM_LIST = _phrasing("on-problem-list")()
_ON_RECORD = _phrasing("on-record")()
_REASON = _phrasing("referral-reason")()
_OFFERS = {"eeg": "order-eeg", "mri-brain": "order-mri-brain", "emg": "order-emg", "bloods": "order-bloods"}
_REFERRAL = "referral-neurology"
_EXPLANATIONS = {
    name: _phrasing(name)()
    for name in (
        "multiple-sclerosis",
        "parkinson-disease",
        "alzheimer-disease",
        "creutzfeldt-jakob-disease",
        "lipid-storage-disease",
    )
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
        "Myoclonus": myoclonus.name(disorder, first=True),
        "where": _ON_PROBLEM_LIST if disorder.listed else _ON_RECORD,
        "found": myoclonus.told(disorder),
        "missing": _missing(missing),
        "no_recent": listed((_TESTS.get(name, _PANEL) for name in missing), "or"),
        "not_found": listed(_not_found(tests), "semicolon"),
        "explanations": listed(_explanations(facts)),
        "drugs": listed(dated(m.ingredient, since(m.start)) for m in drugs.value_or(())),
        "dementia": fast.called(label_of(fast)) if fast else None,
        "referral_reason": _REASON,
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


def _missing(missing: tuple[str, ...]) -> Said:
    """What was not found, in few words, an EMG and single blood tests left out."""
    tests = listed((_TESTS[name] for name in missing if name in _TESTS), "or")
    if "bloods" not in missing:
        return _NO_TESTS(tests=tests)
    return _NEITHER(tests=tests) if tests else _NO_BLOODS


def _not_found(tests: Workup) -> Iterator[Said]:
    """The same in full, EMG and each blood test included."""
    absent = [_TESTS[name] for name in TESTS if tests.done[name] == ABSENT]
    if absent:
        yield _TESTS_NOT_FOUND(tests=listed(absent, "or"))
    if tests.done["bloods"] == ABSENT:
        yield _BLOODS_NOT_FOUND(tests=listed((_BLOODS[name] for name in tests.lacking), "or"))


def _explanations(facts: PatientFacts) -> Iterator[Said]:
    """Diseases on the problem list of which myoclonus is often a sign."""
    for name, label in _EXPLANATIONS.items():
        found = facts.conditions(name)
        if found.known:
            yield possible(label) if all(c.possible for c in found.value) else label


def _offers(review: Review, tests: Workup, urgent: bool) -> Iterator[str]:
    """What was not found, imaging first with a brain tumor; the patient's task; the referral unless there is one."""
    facts = review.facts
    order = ["mri-brain", "eeg"] if facts.conditions("brain-tumour").known else ["eeg", "mri-brain"]
    yield from (_OFFERS[name] for name in (*order, "emg", "bloods") if not tests.done[name].known)
    yield "myoclonus-preparation"
    if not open_or_recent(facts, int(review.number("referral-months")), _REFERRAL).known:
        seizures = facts.conditions("seizure").known or facts.past_conditions("epilepsy", "seizure").known
        yield "refer-neurology-urgent" if urgent else "refer-epilepsy-center" if seizures else "refer-neurology"
