"""What a text says of a disease that it names: that the patient has it, may have it, or not.

Reads who is spoken of, negation and doubt with the scopes of the clinical specification, 2.1 "Matching". English
first; small words of other languages count where the name of the disease is international.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence, Set
from enum import Enum, IntEnum
from itertools import accumulate
from operator import attrgetter
from typing import TypeAlias

from cds_service.terminology.phrases import Hit, Phrases, gaps, words


class Assertion(IntEnum):
    """From the least to the most that a text says of a disease."""

    ABSENT = 0
    """Not there, or somebody else's."""
    POSSIBLE = 1
    PRESENT = 2


class _Kind(Enum):
    PERSON = "somebody else"
    INFORMANT = "a person behind it tells of the patient"
    NEGATION = "what stands behind it is not there"
    NEGATED = "what stands before it is not there"
    EITHER = "what stands before or behind it is not there"
    PURPOSE = "what stands before or directly behind it is only looked for or spoken of"
    DOUBT = "what stands behind it, or before it at the end of the clause, is not sure"
    VERSUS = "what stands before or behind it is not sure"
    NEUTRAL = "neither"


_DENYING, _DOUBTING = (_Kind.NEGATION, _Kind.EITHER, _Kind.PURPOSE), (_Kind.DOUBT, _Kind.VERSUS)
_END = attrgetter("end")
_Table: TypeAlias = dict[_Kind, str]

_ENGLISH: _Table = {
    _Kind.PERSON: """
        family history, family hx, fam hx, familial history, fh, fhx, f/h, mother, mothers, mom, mum, father, fathers,
        dad, parent, parents, parental, grandmother, grandmothers, grandfather, grandfathers, grandparent, grandparents,
        grandma, grandpa, grandson, grandsons, granddaughter, granddaughters, grandchild, grandchildren, mgm, mgf, pgm,
        pgf, maternal, paternal, sister, sisters, brother, brothers, sibling, siblings, son, sons, daughter, daughters,
        child of, uncle, uncles, aunt, aunts, cousin, cousins, niece, nieces, nephew, nephews, husband, husbands, wife,
        spouse, partner, partners, boyfriend, girlfriend, caregiver, caregivers, carer, carers, roommate, roommates,
        relative, relatives
    """,
    _Kind.INFORMANT: "reported by, per, according to, witnessed by, noted by",
    _Kind.NEGATION: """
        no, not, never, without, w/o, absence of, denies, deny, denied, denying, free of, no evidence of, no sign of,
        no signs of, not currently, no recent, 0, negative for, low risk of, low risk for, at risk of, at risk for,
        risk of, risk for, trying for, fear of, fears, worried about, worry about, worries about, concerned about,
        screening for, screen for
    """,
    _Kind.NEGATED: "screen, not present, not found, not seen, not likely, risk",
    _Kind.EITHER: "none, negative, absent, unlikely, excluded, ruled out, rule out, r/o",
    _Kind.PURPOSE: "screening, prevention, counseling, counselling, education",
    _Kind.DOUBT: """
        suspected, suspicion, suspicion of, suspicious for, possible, possibly, probable, probably, likely, presumed,
        presumptive, query, questionable, concern for, concerns for, evaluate for, evaluation for, work-up for,
        workup for, work-up, workup, not excluded, not ruled out, cannot be excluded, cannot exclude, cannot rule out
    """,
    _Kind.VERSUS: "vs, versus",
    _Kind.NEUTRAL: "no change, no improvement, no increase, no progression, no worsening, not only",
}
_OTHER_LANGUAGES: _Table = {
    _Kind.PERSON: """
        Mutter, Vater, Ehemann, Ehefrau, Bruder, Schwester, Familienanamnese,
        madre, padre, esposo, esposa, marido, hermano, hermana, antecedentes familiares,
        mère, père, mari, épouse, frère, soeur, sœur, antécédents familiaux,
        mãe, pai, irmão, irmã, história familiar,
        moeder, vader, echtgenoot, echtgenote, familieanamnese,
        marito, moglie, familiarità, anamnesi familiare
    """,
    _Kind.NEGATION: "kein, keine, keinen, keiner, nicht, sin, pas de, pas d, absence de, absence d, sem, geen, assenza",
    _Kind.EITHER: "Ausschluss, descartado, escluso",
    _Kind.DOUBT: "Verdacht, V.a., sospecha, suspicion, suspeita, verdenking, sospetto",
}
_INTERNATIONAL = frozenset(words("Alzheimer Parkinson Lewy Creutzfeldt Jakob myoclonus narcolepsy"))
_OF_PREGNANCY = ("maternal", "care")
_TELLS = frozenset(
    words("report reports reported say says said states stated notes noted describe describes described witnessed")
)
_WAITING = frozenset(("awaiting", "pending"))
_STUDIES = frozenset(
    words(
        "study studies test tests testing result results referral evaluation confirmation PSG polysomnography"
        " polysomnogram EEG MRI CT scan imaging"
    )
)
_OF_A_NAME = frozenset(words("s disease diseases disorder syndrome dementia Demenz type"))
"""Words that go on with a disease's name."""
_BETWEEN = frozenset(words("of in the a his her their my both older younger late bei der chez la le su de van"))
"""Words between a disease and the person who has it."""
_OR, _AND_OR = frozenset(("or", "nor")), frozenset(("and", "or"))
_ENDS_CLAUSE = re.compile("[;:()]")
_SHORTENED = frozenset(words("vs hx dx fam susp poss prob dr mr mrs st"))
_REACH, _LONGEST_ITEM, _ASIDE = 5, 4, 2
"""Words: from a negation to what it denies, of an item in a list, and from one small word to another or to a name."""


def _phrases(table: _Table) -> Phrases[_Kind]:
    return Phrases((phrase, kind) for kind, listed in table.items() for phrase in listed.split(","))


_ENGLISH_WORDS, _OTHER_WORDS = _phrases(_ENGLISH), _phrases(_OTHER_LANGUAGES)
_SMALL_WORDS = _ENGLISH_WORDS.first_words | _OTHER_WORDS.first_words | _WAITING


def is_plain(text: str, said: list[str]) -> bool:
    """Whether nothing in a text could make its names other than the patient's: most texts are such."""
    return "?" not in text and _SMALL_WORDS.isdisjoint(said)


class Reading:
    """One text in which something was found, read for what it says of that.

    ``suffering`` are the words in which somebody is hit or hurt in the patient's sleep: he has no disease by that.
    """

    def __init__(self, text: str, said: list[str], suffering: Set[int] = frozenset()) -> None:
        self._words, self._gaps, self._suffering = said, gaps(text), suffering
        self._sentence, self._clause, self._item = _parts(said, self._gaps)
        self._whole_words = list(accumulate([word != "s" for word in said], initial=0))
        self._english = _Markers(_ENGLISH_WORDS.find(said), self)
        self._others: _Markers | None = None
        self._waits = self._awaits_a_study()

    def of(self, start: int, end: int, *, partner_may_follow: bool) -> Assertion:
        """What the text says of the words from ``start`` to before ``end``.

        ``partner_may_follow`` where the words are of behavior in sleep, which others suffer.
        """
        markers = self._english
        if not _INTERNATIONAL.isdisjoint(self._words[start:end]):
            self._others = self._others or _Markers(self._every(), self)
            markers = self._others
        after = self._end_of_name(end)
        if markers.of_someone_else(start, after, behind=not partner_may_follow) or markers.denied(start, after):
            return Assertion.ABSENT
        if self._waits or self._questioned(start, after) or markers.doubted(start, after):
            return Assertion.POSSIBLE
        return Assertion.PRESENT

    def _every(self) -> list[Hit[_Kind]]:
        return [*_ENGLISH_WORDS.find(self._words), *_OTHER_WORDS.find(self._words)]

    def _end_of_name(self, end: int) -> int:
        for place in range(end, min(end + _ASIDE, len(self._words))):
            if self._words[place] not in _OF_A_NAME or self._gaps[place].strip("'’- "):
                return place
        return min(end + _ASIDE, len(self._words))

    def _questioned(self, start: int, end: int) -> bool:
        before, behind = self._gaps[start], self._gaps[end]
        asked_before = "?" in before and (start == 0 or not before.startswith("?"))
        asked_behind = "?" in behind and (end == len(self._words) or behind[0] == "?" or behind[-1] != "?")
        return asked_before or asked_behind

    def _awaits_a_study(self) -> bool:
        if _WAITING.isdisjoint(self._words):
            return False
        follows = False
        for place in range(len(self._words) - 1, -1, -1):
            word = self._words[place]
            if word in _WAITING and (follows or self.word(place - 1) in _STUDIES):
                return True
            follows = (follows and not self.ends_clause(place + 1)) or word in _STUDIES
        return False

    def counts(self, hit: Hit[_Kind]) -> bool:
        """Whether a small word says something: not the 0 of 2.0, nor one who suffers from the patient's sleep."""
        if hit.meaning is _Kind.PERSON:
            return hit.start not in self._suffering
        return self._words[hit.start] != "0" or self._gaps[hit.start] != "."

    def words_from(self, place: int, count: int) -> list[str]:
        """Some words of one clause."""
        end = place
        while end < min(place + count, len(self._words)) and (end == place or not self.ends_clause(end)):
            end += 1
        return self._words[place:end]

    def word(self, place: int) -> str:
        return self._words[place] if 0 <= place < len(self._words) else ""

    def sentence(self, place: int) -> int:
        return self._sentence[place]

    def same_clause(self, one: int, other: int) -> bool:
        return self._clause[one] == self._clause[other]

    def ends_clause(self, place: int) -> bool:
        """Whether a clause ends before this word."""
        return place == len(self._words) or self._clause[place] != self._clause[place - 1]

    def reaches(self, start: int, place: int) -> bool:
        """Whether what stands before ``start`` reaches ``place``: each item of a list anew."""
        first = max(start, self._item[place])
        return self._whole_words[place] - self._whole_words[first] <= _REACH

    def joins(self, place: int, signs: str = "") -> bool:
        """Whether nothing but blanks, or these signs too, or a hyphen alone stands before a word."""
        return place < len(self._words) and (self._gaps[place] == "-" or not self._gaps[place].strip(signs + " \t"))


class _Markers:
    """The small words of a text, in order."""

    def __init__(self, found: Iterable[Hit[_Kind]], reading: Reading) -> None:
        self._reading = reading
        by_start: dict[int, Hit[_Kind]] = {}
        for hit in found:
            longest = by_start.get(hit.start)
            if longest is None or hit.end > longest.end:
                by_start[hit.start] = hit
        kept: list[Hit[_Kind]] = []
        for start in sorted(by_start):
            if (not kept or start >= kept[-1].end) and reading.counts(by_start[start]):
                kept.append(by_start[start])
        self._at = {hit.start: hit for hit in kept}
        persons = self._others_in(kept)
        self._persons = frozenset([hit.start for hit in persons])
        self._first_person = {reading.sentence(hit.start): hit.end for hit in reversed(persons)}
        self._denying = [hit for hit in kept if hit.meaning in _DENYING]
        self._doubting = [hit for hit in kept if hit.meaning in _DOUBTING]

    def _others_in(self, kept: Sequence[Hit[_Kind]]) -> list[Hit[_Kind]]:
        """The persons who are spoken of and do not just tell of the patient."""
        persons: list[Hit[_Kind]] = []
        before: Hit[_Kind] | None = None
        told: Hit[_Kind] | None = None
        for hit in kept:
            if hit.meaning is _Kind.PERSON:
                if self._tells(hit, before, told):
                    told = hit
                elif (self._reading.word(hit.start), self._reading.word(hit.end)) != _OF_PREGNANCY:
                    persons.append(hit)
            before = hit
        return persons

    def _tells(self, person: Hit[_Kind], before: Hit[_Kind] | None, told: Hit[_Kind] | None) -> bool:
        reading = self._reading
        if not _TELLS.isdisjoint(reading.words_from(person.end, _ASIDE)):
            return True
        leads = [before] if before and before.meaning is _Kind.INFORMANT else []
        leads += [told] if told and reading.word(told.end) in _AND_OR else []
        return any(
            person.start - lead.end <= _ASIDE and reading.same_clause(lead.start, person.start) for lead in leads
        )

    def of_someone_else(self, start: int, end: int, *, behind: bool) -> bool:
        before = self._first_person.get(self._reading.sentence(start))
        return (before is not None and before <= start) or (behind and self._person_behind(end))

    def _person_behind(self, end: int) -> bool:
        place = end
        while self._reading.joins(place, ":(-–" if place == end else "") and place - end <= _REACH:
            if place in self._persons:
                return True
            if self._reading.word(place) not in _BETWEEN:
                return False
            place += 1
        return False

    def denied(self, start: int, end: int) -> bool:
        if self._before(start, self._denying):
            return True
        hit = self._behind(end)
        if hit is None or not (hit.meaning in _DENYING or hit.meaning is _Kind.NEGATED):
            return False
        closely = hit.meaning is not _Kind.NEGATION and self._reading.joins(
            end, ":" if hit.meaning is _Kind.EITHER else ""
        )
        return closely or self._reading.ends_clause(hit.end)

    def doubted(self, start: int, end: int) -> bool:
        if self._before(start, self._doubting):
            return True
        hit = self._behind(end)
        if hit is None or hit.meaning not in _DOUBTING:
            return False
        return hit.meaning is _Kind.VERSUS or self._reading.ends_clause(hit.end)

    def _behind(self, end: int) -> Hit[_Kind] | None:
        return self._at.get(end) if self._reading.joins(end, ",:(-–?") else None

    def _before(self, start: int, markers: Sequence[Hit[_Kind]]) -> bool:
        """Whether the last of these that stands before a word reaches it."""
        place = bisect_right(markers, start, key=_END)
        if not place:
            return False
        last = markers[place - 1]
        return self._reading.same_clause(last.start, start) and self._reading.reaches(last.end, start)


def _parts(said: list[str], between: list[str]) -> tuple[list[int], list[int], list[int]]:
    """For each word: its sentence, its clause, and where the item of the list that it stands in begins."""
    sentence, clause, item = [0] * len(said), [0] * len(said), [0] * len(said)
    lists = _commas_in_lists(said, between)
    for place in range(1, len(said)):
        gap = between[place]
        new_sentence = new_clause = comma = False
        if gap != " ":
            new_sentence, comma = _ends_sentence(gap, said[place - 1]), "," in gap
            new_clause = new_sentence or (comma and place not in lists) or _ENDS_CLAUSE.search(gap) is not None
        new_clause = new_clause or said[place] == "but"
        sentence[place] = sentence[place - 1] + new_sentence
        clause[place] = clause[place - 1] + new_clause
        item[place] = place if new_clause or comma or said[place - 1] in _OR else item[place - 1]
    return sentence, clause, item


def _ends_sentence(gap: str, before: str) -> bool:
    if "\n" in gap or "\r" in gap or "!" in gap:
        return True
    stop = gap.find(".")
    if stop < 0 or not gap[stop + 1 :].startswith((" ", "\t")):
        return False
    return not (before in _SHORTENED or (len(before) == 1 and before.isalpha() and before != "s"))


def _commas_in_lists(said: list[str], between: list[str]) -> frozenset[int]:
    """The words behind a comma of a list that goes on with "or" or "nor"."""
    if _OR.isdisjoint(said):
        return frozenset()
    found: set[int] = set()
    goes_on, end = False, len(said)
    for place in range(len(said) - 1, 0, -1):
        gap = between[place]
        if "," in gap:
            goes_on = not _OR.isdisjoint(said[place : min(place + _LONGEST_ITEM + 1, end)]) or (
                goes_on and end - place <= _LONGEST_ITEM + said[place:end].count("s")
            )
            if goes_on:
                found.add(place)
            end = place
        elif any(sign in gap for sign in ".;:()\n") or said[place] == "but":
            goes_on, end = False, place
    return frozenset(found)
