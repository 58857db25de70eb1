"""What the value of a result or of an answer says, in whatever dress it was sent: a number, a yes or no, a code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.fhir.code_systems import LOINC, SNOMED_CT
from cds_service.fhir.quantities import Amount, amount, share, written
from cds_service.terminology.vocabulary import Vocabulary

CODES = "urn:org.rbd-cds:codes"
CODED = (LOINC, SNOMED_CT, CODES)
"""The systems of which every code can be told: it is in a value set, or it is none of ours."""
SCALES = "scales"
"""The file of ``cards/phenotypes`` that holds what each scale gives at most."""
_WORDS = {"yes": True, "no": False}
_NEITHER = frozenset(
    ("unknown", "not sure", "unsure", "don't know", "not asked", "not applicable", "unk", "asku", "nask")
)
"""Words, and codes of HL7, of somebody who was asked and could not say."""


class Said(msgspec.Struct, frozen=True):
    """A value: its number, its yes or no, the value sets of its codes; nothing of these where it cannot be read."""

    number: Amount | None = None
    answer: bool | None = None
    sets: frozenset[str] = frozenset()
    text: str = ""
    coded: bool = False
    """It has a code of a system that we know."""

    @property
    def readable(self) -> bool:
        return self.coded or self.text.strip().lower() in _NEITHER or self.number is not None or self.answer is not None


def said(value: fhir.Observation | fhir.Component, most: float | None, vocabulary: Vocabulary) -> Said:
    """The value of a result; ``most`` is what its scale gives at most, where it has one."""
    concept = value.value_codeable_concept
    if concept is None and value.value_string is None and value.value_boolean is None:
        return Said(number=_number(value, most))
    words = [value.value_string, *fhir.texts(concept)]
    in_words = (written(text, most) for text in words if text)
    coded = fhir.codings(concept)
    sets = _sets(coded, vocabulary)
    return Said(
        number=_number(value, most) or next(filter(None, in_words), None),
        answer=value.value_boolean if value.value_boolean is not None else _answer(sets, words),
        sets=sets,
        text=next(filter(None, words), ""),
        coded=any(one.code and one.system in CODED for one in coded),
    )


def _number(value: fhir.Observation | fhir.Component, most: float | None) -> Amount | None:
    return (
        amount(value.value_quantity)
        or (None if value.value_integer is None else amount(fhir.Quantity(value=value.value_integer)))
        or share(value.value_ratio, most)
    )


def yes_or_no(given: fhir.Answer, vocabulary: Vocabulary) -> bool | None:
    """The answer to a question of a form; a code of LOINC or SNOMED CT counts without its system too."""
    if given.value_boolean is not None:
        return given.value_boolean
    coding = given.value_coding or fhir.Coding()
    systems = [coding.system] if coding.system else CODED
    sets = _sets([fhir.Coding(system=system, code=coding.code) for system in systems], vocabulary)
    return _answer(sets, (given.value_string, coding.display))


def is_neither(given: fhir.Answer) -> bool:
    """Whether it says that the answer is not known."""
    coding = given.value_coding or fhir.Coding()
    return any(word and word.strip().lower() in _NEITHER for word in (given.value_string, coding.display, coding.code))


def _sets(coded: Iterable[fhir.Coding], vocabulary: Vocabulary) -> frozenset[str]:
    return frozenset[str]().union(*(vocabulary.code_sets(one.system, one.code) for one in coded))


def _answer(sets: frozenset[str], words: Iterable[str | None]) -> bool | None:
    """What the codes answer, else the words; nothing where they contradict each other."""
    answers = {name == "answer-yes" for name in sets & {"answer-yes", "answer-no"}}
    answers = answers or {_WORDS[text] for word in words if word and (text := word.strip().lower()) in _WORDS}
    return answers.pop() if len(answers) == 1 else None


def most_by_set(numbers: Mapping[str, float]) -> Mapping[str, float]:
    """What each scale gives at most, by its value set."""
    return {name.removesuffix("-most"): value for name, value in numbers.items()}
