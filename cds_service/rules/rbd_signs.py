"""How cards name the signs of RBD: what was told, by whom and when, and the drugs that go with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cds_service.facts.patient import Medication, PatientFacts
from cds_service.facts.words import Listed, Value, dated, listed, phrasing, since
from cds_service.phenotypes import antidepressants
from cds_service.phenotypes.rbd import Flag, Suspicion

NAMES = {
    name: phrasing(f"sign-{name}")()
    for name in (
        "complex-movements",
        "vocalizations",
        "dream-enactment",
        "sustained-contractions",
        "injury",
        "dream-recall",
    )
}
_WEIGHTIEST = ("complex-movements", "injury", "dream-enactment")
_MOST_IN_A_SUMMARY = 3
_TELLERS = {name: phrasing(f"told-by-{name}")() for name in ("bed-partner", "patient")}
NONE = phrasing("none")()
_SCORE = phrasing("rbdsq", "score")
_TOTAL = phrasing("rbdsq-total", "score")
_TOLD = phrasing("signs-told", "signs", "by")


def named(questions: Iterable[str]) -> Listed:
    return listed(NAMES[name] for name in questions)


def told(seen: Suspicion) -> dict[str, Value]:
    """What was told, denied and not asked, for the line that says what was found."""
    return {
        "flags": _for_summary(seen),
        "present": present(seen),
        "absent": named(n for n in NAMES if seen.flags[n].yes is False) or NONE,
        "not_asked": named(n for n in NAMES if seen.flags[n].yes is None) or NONE,
    }


def said_yes(seen: Suspicion) -> tuple[str, ...]:
    """The questions that were answered yes."""
    return tuple([name for name in NAMES if seen.says(name)])


def kinds(seen: Suspicion) -> tuple[str, ...]:
    """The signs as kinds of finding: an answer to a card ends when another sign is told."""
    return (*said_yes(seen), *(("rbdsq",) if seen.score is not None else ()))


def _for_summary(seen: Suspicion) -> Listed:
    """As many as there is room for, the weightiest first."""
    score = [_SCORE(score=seen.score)] if seen.score is not None else []
    return listed([*(NAMES[name] for name in _WEIGHTIEST if seen.says(name)), *score][:_MOST_IN_A_SUMMARY])


def signs(seen: Suspicion) -> Listed:
    """Every sign that was told, and a questionnaire at its limit."""
    score = [_TOTAL(score=seen.score)] if seen.score is not None else []
    return listed([*(NAMES[name] for name in said_yes(seen)), *score])


def present(seen: Suspicion) -> Value:
    """Every sign that was told, with who said so, if it was one person, and when last."""
    return _told_by(signs(seen), [seen.flags[name] for name in said_yes(seen)])


def told_of(flags: Mapping[str, Flag], names: Iterable[str]) -> Value:
    """Signs that were told, in the same way."""
    return _told_by(named(names), [flags[name] for name in names])


def _told_by(signs: Listed, flags: list[Flag]) -> Value:
    by = _by_whom(flags)
    return _TOLD(signs=signs, by=by) if by else signs


def _by_whom(flags: list[Flag]) -> Listed:
    days = [flag.when for flag in flags if flag.when]
    tellers = {flag.informant for flag in flags if flag.informant}
    teller = [_TELLERS[one] for one in tellers if one in _TELLERS] if len(tellers) == 1 else []
    return listed([*teller, *sorted(days, key=lambda day: day.last)[-1:]], "comma")


def drugs(facts: PatientFacts) -> Listed:
    """Associated drugs the patient takes, with the day each was started where it is known."""
    found = facts.current_drugs(*antidepressants.SETS, *antidepressants.LINE_ONLY_SETS)
    return with_starts(found.value_or(()))


def with_starts(found: Iterable[Medication]) -> Listed:
    return listed(dated(m.ingredient, since(m.start)) if m.start else m.ingredient for m in found)
