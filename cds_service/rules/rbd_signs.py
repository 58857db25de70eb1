"""How cards name the signs of RBD: what was told, by whom and when, and the drugs that go with it."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.content.text import listed
from cds_service.facts.patient import PatientFacts
from cds_service.facts.words import Value
from cds_service.fhir.dates import spell
from cds_service.phenotypes import antidepressants
from cds_service.phenotypes.rbd import Flag, Suspicion

_NAMES = {
    "complex-movements": "complex movements",
    "vocalizations": "voices",
    "dream-enactment": "acting out dreams",
    "sustained-contractions": "sustained contractions",
    "injury": "injury",
    "dream-recall": "dream recall",
}
_WEIGHTIEST = ("complex-movements", "injury", "dream-enactment")
_TELLERS = {"bed-partner": "bed partner", "patient": "patient"}


def named(questions: Iterable[str]) -> str:
    return listed(_NAMES[name] for name in questions)


def told(seen: Suspicion) -> dict[str, Value]:
    """What was told, denied and not asked, for the line that says what was found."""
    return {
        "flags": listed(_for_summary(seen)),
        "present": _present(seen),
        "absent": named(n for n in _NAMES if seen.flags[n].yes is False) or "none",
        "not_asked": named(n for n in _NAMES if seen.flags[n].yes is None) or "none",
    }


def kinds(seen: Suspicion) -> tuple[str, ...]:
    """The signs as kinds of finding: an answer to a card ends when another sign is told."""
    return (*(name for name in _NAMES if seen.says(name)), *(("rbdsq",) if seen.score is not None else ()))


def _for_summary(seen: Suspicion) -> list[str]:
    """At most three, the weightiest first."""
    score = [f"RBDSQ {seen.score:g}"] if seen.score is not None else []
    return [*(_NAMES[name] for name in _WEIGHTIEST if seen.says(name)), *score][:3]


def signs(seen: Suspicion) -> str:
    """Every sign that was told, and a questionnaire at its limit."""
    score = [f"RBDSQ total {seen.score:g}"] if seen.score is not None else []
    return listed([*(_NAMES[name] for name in _NAMES if seen.says(name)), *score])


def _present(seen: Suspicion) -> str:
    return signs(seen) + _by_whom(seen.flags[name] for name in _NAMES if seen.says(name))


def _by_whom(answered: Iterable[Flag]) -> str:
    """In brackets who said so, if it was one person, and when last."""
    flags = list(answered)
    days = {flag.when for flag in flags if flag.when}
    tellers = {flag.informant for flag in flags if flag.informant}
    day = spell(max(days, key=lambda day: day.last)) if days else ""
    teller = _TELLERS.get(next(iter(tellers)), "") if len(tellers) == 1 else ""
    said = ", ".join(part for part in (teller, day) if part)
    return f" ({said})" if said else ""


def drugs(facts: PatientFacts) -> str:
    """Associated drugs the patient takes, with the day each was started where it is known."""
    found = facts.current_drugs(*antidepressants.SETS, *antidepressants.LINE_ONLY_SETS)
    return listed(f"{m.ingredient} (since {spell(m.start)})" if m.start else m.ingredient for m in found.value_or(()))
