"""Which value sets a coded concept belongs to: by code, or by whole words of its text and displays.

Indexed once, so that a look-up costs the same however many sets there are.
An unknown or missing system never matches by code.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from cds_service.fhir.code_systems import ATC, ICD_9_CM, ICD_10_CM, RXNORM, SNOMED_CT
from cds_service.fhir.elements import CodeableConcept, Coding, codings, texts
from cds_service.terminology.assertions import Assertion, Reading, is_plain
from cds_service.terminology.drug_names import Match, Naming, Said, more_exact, naming_against, settle
from cds_service.terminology.phrases import Hit, Phrases, unglued, words
from cds_service.terminology.systems import (
    ICD,
    IcdTerms,
    Term,
    Terms,
    addresses,
    bare,
    canonical,
    is_never_the_patients,
    is_sequela,
    plain_icd,
)
from cds_service.terminology.value_sets import Code, Kind, ValueSet, read_value_sets

__all__ = ["Match", "ValueSet", "Vocabulary", "read_value_sets"]

_NONE: frozenset[str] = frozenset()
_SUSPECTED = ["suspected"]
_NO_SYSTEMS = {"http://terminology.hl7.org/CodeSystem/data-absent-reason"}
"""Their codes say why there is none."""
_MOST_LETTERS = 100_000
"""Letters of a request's texts that are read for denial and doubt: a long problem list has a few thousand."""
_MOST_JUDGED = 24
"""Phrases of one text that are judged by what stands around them: no list entry names so many diseases."""


class _Decided(msgspec.Struct, frozen=True, gc=False):
    """The value sets that the codings of a concept decide."""

    members: frozenset[str]
    left_out: frozenset[str]
    suspected: frozenset[str]
    """Those of the members that are coded as a situation in doubt."""
    display: str | None


class _Told(msgspec.Struct, frozen=True):
    """What one text says of the value sets that it names."""

    asserted: Mapping[str, Assertion] = {}
    against: frozenset[str] = _NONE
    """The sets that a word elsewhere in the text takes back."""


_NOTHING_TOLD = _Told()


class _Memory(msgspec.Struct):
    """What the texts of one request said: equal texts are read once, and not more than a chart can hold with care.

    What is named in a text beyond that is possible: neither left out nor believed.
    """

    told: dict[str, _Told] = {}
    letters: int = _MOST_LETTERS

    def may_read(self, text: str) -> bool:
        self.letters -= len(text)
        return self.letters >= 0


class Vocabulary:
    """All value sets, indexed."""

    def __init__(self, value_sets: Iterable[ValueSet]) -> None:
        self._sets = {found.name: found for found in value_sets}
        taken = [(found.name, code) for found in self._sets.values() for code in found.codes]
        left_out = [(found.name, code) for found in self._sets.values() for code in found.left_out]
        self._terms = _terms(taken, left_out)
        self._left_out = _terms(left_out, [])
        self._diagnosis_words = Phrases(self._words("condition", "order"))
        self._against_diagnosis = Phrases(self._against("condition", "order"))
        self._order_words = self._phrases("observation", "order")
        drug_words = (*self._words("drug"), *self._against("drug"))
        self._drug_words = Phrases([(unglued(text), naming) for text, naming in drug_words])
        self._sets_of_ingredient = self._by_ingredient()
        self._codes_by_system = _by_system(code for _, code in taken)
        self._drug_classes = frozenset(name for _, code in taken if _is_drug_class(code) for name in code.ingredients)
        self._systems: dict[Kind, set[str]] = defaultdict(set)
        for found in self._sets.values():
            self._systems[found.kind].update([code.system for code in found.codes])
        self._memory: _Memory | None = None

    def of_a_request(self) -> Vocabulary:
        """The same for the texts of one chart; nothing of them is kept beyond it."""
        own = copy.copy(self)
        own._memory = _Memory()
        return own

    def _phrases(self, *kinds: Kind) -> Phrases[Naming]:
        """Words and not-words of the sets of some kinds."""
        return Phrases([*self._words(*kinds), *self._against(*kinds)])

    def _words(self, *kinds: Kind) -> Iterator[tuple[str, Naming]]:
        """A drug's words are not looked for in a diagnosis."""
        wanted = [found for found in self._sets.values() if found.kind in kinds]
        return ((word.text, Naming(found.name, word.ingredient)) for found in wanted for word in found.words)

    def _against(self, *kinds: Kind) -> Iterator[tuple[str, Naming]]:
        wanted = [found for found in self._sets.values() if found.kind in kinds]
        return ((text, naming_against(found.name, text)) for found in wanted for text in found.not_words)

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

    def is_foreign(self, concept: CodeableConcept | None, *kinds: Kind) -> bool:
        """Whether a concept is coded, and no code of it is of a system in which sets of these kinds have codes."""
        systems = {canonical(coding.system) for coding in codings(concept) if coding.code}
        return bool(systems - _NO_SYSTEMS) and all(systems.isdisjoint(self._systems[kind]) for kind in kinds)

    def name(self, concept: CodeableConcept | None, sets: frozenset[str]) -> str:
        """What a concept is called: in its own words, else by the short name of the narrowest of its sets."""
        said = next(texts(concept), "")
        return said or (self.label(min(sets, key=self._breadth)) if sets else "")

    def _breadth(self, set_name: str) -> tuple[int, str]:
        return len(self._sets[set_name].codes), set_name

    def holds(self, set_name: str, concept: CodeableConcept | None) -> bool:
        """Whether the concept belongs to the set without doubt."""
        kind = self._sets[set_name].kind
        read = {"drug": self.drug, "condition": self.diagnosis}.get(kind, self.codes)
        match = read(concept)
        return match is not None and match.uncertain is None and set_name in match.sets

    def diagnosis(self, concept: CodeableConcept | None) -> Match | None:
        """What a Condition, a reason or an event names of the patient, each value set for itself.

        A coding decides for the sets that name it, as a member or as a neighbour; for every other set the words do. A
        text that denies what is coded, or doubts it, is believed. A word of a set "against" it speaks for all texts,
        unless it only makes one of the set's own phrases longer.
        """
        if concept is None:
            return None
        listed = codings(concept)
        if any(is_never_the_patients(coding.system, coding.code) for coding in listed):
            return None
        terms = [(c, term) for c in listed if (term := self._term(c.system, c.code)) and not term.ingredients]
        said = {text: self._told(text) for text in texts(concept)}
        if not terms and not any(told.asserted for told in said.values()):
            return None
        coded = self._decided(listed, terms)
        found = {name: self._in_own_text(name, concept, coded) for name in coded.members}
        against = coded.left_out.union(*[self._taken_back(text, told) for text, told in said.items()])
        for told in said.values():
            for name, assertion in told.asserted.items():
                if name not in coded.members and name not in against:
                    found[name] = min(found.get(name, assertion), assertion)
        sure = frozenset([name for name, assertion in found.items() if assertion is Assertion.PRESENT])
        possible = frozenset([name for name, assertion in found.items() if assertion is Assertion.POSSIBLE])
        if not sure and not possible:
            return None
        return Match(sure, by="code" if coded.members else "words", display=coded.display, possible=possible)

    def _in_own_text(self, name: str, concept: CodeableConcept, coded: _Decided) -> Assertion:
        """What the concept's text says of a coded set; it says nothing if it just repeats the code's name."""
        most = Assertion.POSSIBLE if name in coded.suspected else Assertion.PRESENT
        if not concept.text or (coded.display and words(coded.display) == words(concept.text)):
            return most
        return min(most, self._told(concept.text).asserted.get(name, Assertion.PRESENT))

    def _decided(self, listed: list[Coding], terms: list[tuple[Coding, Term]]) -> _Decided:
        members, left_out, suspected, display = _NONE, self._sets_left_out(listed), _NONE, None
        for coding, term in terms:
            if is_sequela(coding.system, coding.code or ""):
                left_out |= term.sets
                continue
            members, display = members | term.sets, display or term.display
            if canonical(coding.system) == SNOMED_CT and words(coding.display or "")[:1] == _SUSPECTED:
                suspected |= term.sets
        return _Decided(members, left_out - members, suspected, display)

    def _told(self, text: str) -> _Told:
        """What one text says of the sets that it names."""
        if self._memory is None:
            return self._tell(text)
        told = self._memory.told.get(text)
        if told is None:
            told = self._memory.told[text] = self._tell(text)
        return told

    def _tell(self, text: str) -> _Told:
        said = words(text)
        hits = self._diagnosis_words.find(said)
        if not hits:
            return _NOTHING_TOLD
        named, apart = _named(hits, self._against_diagnosis.find(said))
        plain = is_plain(text, said)
        if plain or (self._memory and not self._memory.may_read(text)):
            alike = Assertion.PRESENT if plain else Assertion.POSSIBLE
            return _Told(dict.fromkeys([hit.meaning.set_name for hit in named], alike), apart)
        suffering = [range(hit.start, hit.end) for hit in named if self._sets[hit.meaning.set_name].in_sleep]
        reading, asserted = Reading(text, said, frozenset().union(*suffering)), dict[str, Assertion]()
        for hit in named[:_MOST_JUDGED]:
            name = hit.meaning.set_name
            found = reading.of(hit.start, hit.end, partner_may_follow=self._sets[name].in_sleep)
            asserted[name] = max(asserted.get(name, found), found)
        return _Told(asserted, apart)

    def _taken_back(self, text: str, told: _Told) -> frozenset[str]:
        """The sets that a text takes back, be it one that names nothing."""
        if told is not _NOTHING_TOLD:
            return told.against
        return frozenset([hit.meaning.set_name for hit in self._against_diagnosis.find(words(text))])

    def codes(self, concept: CodeableConcept | None) -> Match | None:
        """What an observation, a procedure or an order for one is: any coding by code, else whole words.

        The words do not count against a code that a set leaves out: an apnea index is often labelled AHI.
        """
        if concept is None:
            return None
        listed = codings(concept)
        return self._by_code(listed) or self._by_words(concept, listed)

    def _by_code(self, listed: list[Coding]) -> Match | None:
        sets, display = _NONE, None
        for coding in listed:
            term = self._term(coding.system, coding.code)
            if term is not None and not term.ingredients:
                sets, display = sets | term.sets, display or term.display
        return Match(sets, display=display) if sets else None

    def _by_words(self, concept: CodeableConcept, listed: list[Coding]) -> Match | None:
        hits = [hit for text in dict.fromkeys(texts(concept)) for hit in self._order_words.find(words(text))]
        if not hits:
            return None
        against = {hit.meaning.set_name for hit in hits if hit.meaning.against} | self._sets_left_out(listed)
        sets = frozenset([hit.meaning.set_name for hit in hits]) - against
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
        return Said.of(self._drug_words.find(words(unglued(text))))


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
        alone = bare(code)
        return terms.get(alone) if len(alone) != len(code) else None
    return found


def _named(words_for: list[Hit[Naming]], words_against: list[Hit[Naming]]) -> tuple[list[Hit[Naming]], frozenset[str]]:
    """The phrases that name a set's member, and the sets that a word elsewhere in the text takes back.

    Of a set the longest phrase counts. One against it that overlaps one for it takes back that one only.
    """
    if not words_against:
        return _longest(words_for), _NONE
    kept = _longest([*words_for, *words_against])
    opposed = _places(hit for hit in kept if hit.meaning.against)
    of_words = _places(words_for)
    named = [h for h in kept if not h.meaning.against and opposed[h.meaning.set_name].isdisjoint(range(h.start, h.end))]
    apart = [h for h in kept if h.meaning.against and of_words[h.meaning.set_name].isdisjoint(range(h.start, h.end))]
    return named, frozenset([hit.meaning.set_name for hit in apart])


def _places(hits: Iterable[Hit[Naming]]) -> dict[str, set[int]]:
    """By set, the words of a text in these phrases."""
    found: dict[str, set[int]] = defaultdict(set)
    for hit in hits:
        found[hit.meaning.set_name].update(range(hit.start, hit.end))
    return found


def _longest(hits: list[Hit[Naming]]) -> list[Hit[Naming]]:
    """Of each set the phrases that stand in no longer one of the same set."""
    if len(hits) == 1:
        return hits
    ends: dict[str, int] = {}
    kept = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if hit.end > ends.get(hit.meaning.set_name, 0):
            ends[hit.meaning.set_name] = hit.end
            kept.append(hit)
    return kept


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
