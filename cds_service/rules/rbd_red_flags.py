"""Red flags for REM sleep behaviour disorder that no sleep study has looked at (RBD-01)."""

from cds_service.content.text import listed
from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.patient import PatientFacts, Procedure, Report, Request
from cds_service.fhir.dates import Interval, spell, within_months
from cds_service.phenotypes import antidepressants, rbd
from cds_service.phenotypes.rbd import Flag, Level, Suspicion
from cds_service.rules.review import Finding, Review, rule

_NAMES = {
    "complex-movements": "complex movements",
    "injury": "injury",
    "dream-enactment": "acting out dreams",
    "vocalizations": "voices",
    "sustained-contractions": "sustained contractions",
    "dream-recall": "dream recall",
}
_TELLERS = {"bed-partner": "bed partner", "patient": "patient"}


@rule("rbd-red-flags")
def rbd_red_flags(review: Review) -> Finding:
    facts = review.facts
    age = facts.age
    review.unless("child", isinstance(age, Known) and age.value.under(18))
    review.unless("rbd-known", either(facts.conditions("rbd"), facts.past_conditions("rbd")))
    seen = review.known("suspected", _suspected(rbd.suspicion(facts, review.numbers)))
    review.unless("studied", _studied(review))
    review.unless("study-ordered", _open_study(facts))
    drugs = _drugs(facts)
    notes = ["screen", "mimics", *(["drugs"] if drugs else []), "safety", "video"]
    if not isinstance(age, Known):
        notes.append("age-unknown")
    present = [_NAMES[name] for name, flag in seen.flags.items() if flag.yes and name in _NAMES]
    values = {
        "flags": listed(_short(seen, present)),
        "present": _told(seen, present),
        "absent": listed(_NAMES[n] for n, f in seen.flags.items() if f.yes is False and n in _NAMES) or "none",
        "not_asked": listed(_NAMES[n] for n, f in seen.flags.items() if f.yes is None and n in _NAMES) or "none",
        "drugs": drugs,
        "referral_reason": "Suspected REM sleep behavior disorder",
    }
    return Finding("suspected", "injury" if seen.says("injury") else "no-injury", values, tuple(notes))


def _suspected(found: Fact[Suspicion]) -> Fact[Suspicion]:
    return ABSENT if isinstance(found, Known) and found.value.level is not Level.SUSPECTED else found


def _studied(review: Review) -> Fact[tuple[Procedure, ...]] | Fact[tuple[Report, ...]]:
    """An attended sleep study done, or its result, within the window."""
    facts, months = review.facts, int(review.number("study-months"))
    done = facts.procedures("sleep-study-attended")
    if isinstance(done, Known) and any(_recent(p.day, months, facts) for p in done.value):
        return done
    told = facts.reports("sleep-study-attended")
    if isinstance(told, Known) and any(_recent(r.day, months, facts) for r in told.value):
        return told
    return next((f for f in (done, told) if not isinstance(f, Known) and f != ABSENT), ABSENT)


def _recent(day: Interval | None, months: int, facts: PatientFacts) -> bool:
    return day is None or within_months(day, months, facts.today)


def _open_study(facts: PatientFacts) -> Fact[tuple[Request, ...]]:
    found = facts.requests("sleep-study-attended")
    if not isinstance(found, Known):
        return found
    waiting = tuple(r for r in found.value if r.open)
    return Known(waiting, tuple(r.source for r in waiting)) if waiting else ABSENT


def _short(seen: Suspicion, present: list[str]) -> list[str]:
    """At most three flags for the summary, the weightiest first."""
    named = [_NAMES[n] for n in ("complex-movements", "injury", "dream-enactment") if _NAMES[n] in present]
    score = [f"RBDSQ {seen.score:g}"] if seen.score is not None else []
    return [*named, *score][:3]


def _told(seen: Suspicion, present: list[str]) -> str:
    answered = [f for f in seen.flags.values() if f.yes]
    score = [f"RBDSQ total {seen.score:g}"] if seen.score is not None else []
    return f"{listed([*present, *score])}{_by(answered)}"


def _by(answered: list[Flag]) -> str:
    """Who said so, and when."""
    days = {f.when for f in answered if f.when}
    tellers = {f.informant for f in answered if f.informant}
    day = f"{spell(max(days, key=lambda i: i.last))}" if days else ""
    teller = _TELLERS.get(next(iter(tellers)), "") if len(tellers) == 1 else ""
    said = ", ".join(part for part in (teller, day) if part)
    return f" ({said})" if said else ""


def _drugs(facts: PatientFacts) -> str:
    """Associated drugs the patient takes, with the day each was started where it is known."""
    found = facts.current_drugs(*antidepressants.SETS, *antidepressants.LINE_ONLY_SETS)
    if not isinstance(found, Known):
        return ""
    return listed(f"{m.ingredient} (since {spell(m.start)})" if m.start else m.ingredient for m in found.value)
