"""Which value sets a coded concept belongs to: by code, else by whole words of its text and displays.

Indexed once, so that a look-up costs the same however many sets there are.
An unknown or missing system never matches by code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from cds_service.fhir.code_systems import ATC, ICD_9_CM, ICD_10_CM, RXNORM, SNOMED_CT
from cds_service.fhir.elements import CodeableConcept, Coding, codings, texts
from cds_service.terminology.drug_names import Match, Naming, Said, more_exact, naming_against, settle
from cds_service.terminology.phrases import Hit, Phrases, doubts, words
from cds_service.terminology.systems import (
    ICD,
    IcdTerms,
    Term,
    Terms,
    addresses,
    canonical,
    is_family_history,
    plain_icd,
)
from cds_service.terminology.value_sets import Code, Kind, ValueSet, read_value_sets

__all__ = ["Match", "ValueSet", "Vocabulary", "read_value_sets"]

_NONE: frozenset[str] = frozenset()
_WITHOUT = Phrases((phrase, None) for phrase in ("without", "w/o"))


class Vocabulary:
    """All value sets, indexed."""

    def __init__(self, value_sets: Iterable[ValueSet]) -> None:
        self._sets = {found.name: found for found in value_sets}
        taken = [(found.name, code) for found in self._sets.values() for code in found.codes]
        left_out = [(found.name, code) for found in self._sets.values() for code in found.left_out]
        self._terms = _terms(taken, left_out)
        self._left_out = _terms(left_out, [])
        self._diagnosis_words = self._phrases("condition", "order")
        self._order_words = self._phrases("observation", "order")
        self._drug_words = self._phrases("drug")
        self._sets_of_ingredient = self._by_ingredient()
        self._codes_by_system = _by_system(code for _, code in taken)
        self._drug_classes = frozenset(name for _, code in taken if _is_drug_class(code) for name in code.ingredients)

    def _phrases(self, *kinds: Kind) -> Phrases[Naming]:
        """Words and not-words of the sets of some kinds; a drug's words are not looked for in a diagnosis."""
        wanted = [found for found in self._sets.values() if found.kind in kinds]
        named = [(word.text, Naming(found.name, word.ingredient)) for found in wanted for word in found.words]
        against = [(text, naming_against(found.name, text)) for found in wanted for text in found.not_words]
        return Phrases([*named, *against])

    def _by_ingredient(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for value_set in self._sets.values():
            for name in {w.ingredient for w in value_set.words}.union(*(c.ingredients for c in value_set.codes)):
                found[name].add(value_set.name)
        return {name: frozenset(sets) for name, sets in found.items() if name}

    def _term(self, system: str | None, code: str | None) -> Term | None:
        if system is None or not code:
            return None
        return _look_up(self._terms, system, code)

    def code_sets(self, system: str | None, code: str | None) -> frozenset[str]:
        """The value sets that hold a code, of whatever kind; none for an unknown system."""
        term = self._term(system, code)
        return _NONE if term is None else term.sets

    def sets_of_ingredient(self, ingredient: str) -> frozenset[str]:
        """The value sets that hold products of an ingredient."""
        return self._sets_of_ingredient.get(ingredient, _NONE)

    def codes_of(self, set_name: str) -> tuple[tuple[str, str], ...]:
        """The (system, code) pairs of a value set, without ICD categories: they cannot be asked for one by one."""
        return tuple((code.system, code.code) for code in self._sets[set_name].codes if code.system not in ICD)

    def codes_under(self, system: str) -> frozenset[str]:
        """Every code, but no ICD category, of a system under its own address that some value set holds."""
        return self._codes_by_system.get(system, _NONE)

    def label(self, set_name: str) -> str:
        """The short name of a value set for a card."""
        return self._sets[set_name].label

    def holds(self, set_name: str, concept: CodeableConcept | None) -> bool:
        """Whether the concept belongs to the set without doubt."""
        kind = self._sets[set_name].kind
        read = {"drug": self.drug, "condition": self.diagnosis}.get(kind, self.codes)
        match = read(concept)
        return match is not None and match.uncertain is None and set_name in match.sets

    def diagnosis(self, concept: CodeableConcept | None) -> Match | None:
        """What a Condition, a reason or an event names of the patient: any coding by code, else whole words.

        Nothing if a text speaks of someone else or of doubt; "without" makes what comes after it not count.
        """
        if concept is None:
            return None
        listed = codings(concept)
        for coding in listed:
            if is_family_history(coding.system, coding.code):
                return None
        coded = self._by_code(listed)
        if coded is None:
            return self._by_words(concept, self._diagnosis_words, doubting=True)
        return None if concept.text and self._doubted(concept.text, coded) else coded

    def codes(self, concept: CodeableConcept | None) -> Match | None:
        """What an observation, a procedure or an order for one is: any coding by code, else whole words.

        The words do not count against a code that a set leaves out: an apnea index is often labelled AHI.
        """
        if concept is None:
            return None
        listed = codings(concept)
        return self._by_code(listed) or self._by_words(concept, self._order_words, doubting=False, neighbours=listed)

    def _by_code(self, listed: list[Coding]) -> Match | None:
        sets, display = _NONE, None
        for coding in listed:
            term = self._term(coding.system, coding.code)
            if term is not None and not term.ingredients:
                sets, display = sets | term.sets, display or term.display
        return Match(sets, display=display) if sets else None

    def _doubted(self, text: str, coded: Match) -> bool:
        """Whether the text doubts what is coded, and does not just say the code's name, such as "at risk for falls"."""
        said = words(text)
        where = doubts(said)
        if not where or (coded.display and words(coded.display) == said):
            return False
        hits = [hit for hit in self._diagnosis_words.find(said) if hit.meaning.set_name in coded.sets]
        return not _covered(where, hits)

    def _by_words(
        self,
        concept: CodeableConcept,
        phrases: Phrases[Naming],
        *,
        doubting: bool,
        neighbours: Iterable[Coding] = (),
    ) -> Match | None:
        said = [words(text) for text in dict.fromkeys(texts(concept))]
        hits = [phrases.find(text) for text in said]
        if not any(hits):
            return None
        against = {hit.meaning.set_name for found in hits for hit in found if hit.meaning.against}
        against |= self._sets_left_out(neighbours)
        if doubting:
            against |= {
                name for text, found in zip(said, hits, strict=True) for name in _doubted_sets(text, hits, found)
            }
            hits = [_before_without(text, found) for text, found in zip(said, hits, strict=True)]
        sets = frozenset(hit.meaning.set_name for found in hits for hit in found) - against
        return Match(sets, by="words") if sets else None

    def _sets_left_out(self, listed: Iterable[Coding]) -> frozenset[str]:
        """The sets that name one of these codes as a neighbour which is not a member."""
        found = (_look_up(self._left_out, c.system, c.code) for c in listed if c.system and c.code)
        return _NONE.union(*(term.sets for term in found if term))

    def drug(self, concept: CodeableConcept | None, *more_text: str) -> Match | None:
        """The drug that a concept names by its codes, its texts, and any further text such as a reference's display."""
        listed = codings(concept)
        known = [(coding, self._term(coding.system, coding.code)) for coding in listed]
        said = [self._said(text) for text in dict.fromkeys((*texts(concept), *more_text))]
        coded = [term for _, term in known if term is not None and term.ingredients]
        if not coded and not any(text.named for text in said):
            return None
        strange = [self._said(c.display) for c, term in known if term is None and c.display and _is_rxnorm(c)]
        return settle(*more_exact(coded, said, self._drug_classes), strange, self._sets_left_out(listed))

    def _said(self, text: str) -> Said:
        return Said.of(self._drug_words.find(words(text)))


def _is_rxnorm(coding: Coding) -> bool:
    return bool(coding.code) and canonical(coding.system) == RXNORM


def _is_drug_class(code: Code) -> bool:
    """Whether it is a group of ATC: only codes of seven characters are substances."""
    return code.system == ATC and len(code.code) < 7


def _look_up(index: dict[str, Terms], system: str, code: str) -> Term | None:
    terms = index.get(system)
    if terms is None:
        if not system.startswith("http://snomed.info/sct/"):
            return None
        terms = index.get(SNOMED_CT, {})
    found = terms.get(code)
    if found is None:
        bare = code.strip()
        return terms.get(bare) if len(bare) != len(code) else None
    return found


def _covered(where: list[tuple[int, int]], hits: list[Hit[Naming]]) -> bool:
    """Whether every doubt is part of the name of something: in "at risk for falls" the risk is the finding."""
    named = [hit for hit in hits if not hit.meaning.against]
    return all(any(hit.start < end and start < hit.end for hit in named) for start, end in where)


def _doubted_sets(text: list[str], everywhere: list[list[Hit[Naming]]], here: list[Hit[Naming]]) -> set[str]:
    """The sets that a text with doubt in it takes back, wherever they were named."""
    where = doubts(text)
    if not where:
        return set()
    names = {hit.meaning.set_name for found in everywhere for hit in found}
    return {name for name in names if not _covered(where, [hit for hit in here if hit.meaning.set_name == name])}


def _before_without(text: list[str], hits: list[Hit[Naming]]) -> list[Hit[Naming]]:
    end = min((hit.start for hit in _WITHOUT.find(text)), default=len(text))
    return [hit for hit in hits if hit.start < end]


def _terms(taken: list[tuple[str, Code]], left_out: list[tuple[str, Code]]) -> dict[str, Terms]:
    """The codes by every address of their system."""
    by_system: dict[str, dict[str, Term]] = defaultdict(dict)
    for name, code in taken:
        if code.system not in ICD:
            terms = by_system[code.system]
            terms[code.code] = _joined(terms.get(code.code), name, code)
    found: dict[str, Terms] = {address: terms for system, terms in by_system.items() for address in addresses(system)}
    for system in ICD:
        icd = IcdTerms(_categories(system, taken), _categories(system, left_out))
        found |= dict.fromkeys(addresses(system), icd)
    return found


def _by_system(codes: Iterable[Code]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for code in codes:
        found[code.system].add(code.code)
    return {system: frozenset(members) for system, members in found.items()}


def _joined(before: Term | None, name: str, code: Code) -> Term:
    if before is None:
        return Term(frozenset((name,)), code.ingredients, code.display)
    return Term(before.sets | {name}, before.ingredients | code.ingredients, before.display)


def _categories(system: str, codes: list[tuple[str, Code]]) -> dict[str, set[str]]:
    """Value sets by ICD prefix; those of ICD-9-CM also for ICD-10-CM, as far as they cannot be mistaken."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, code in codes:
        strayed = system == ICD_10_CM and code.system == ICD_9_CM and code.code[:1].isdigit()
        if code.system == system or strayed:
            found[plain_icd(code.code)].add(name)
    return found
