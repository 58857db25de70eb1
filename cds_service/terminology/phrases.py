"""Whole words and phrases in a chart's text, and who and what the text speaks of.

Never substrings: Taclonex is no Clonex. No guessing at spelling: lorazepam is no clonazepam.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

_WORD = re.compile(r"[^\W_]+")
_PLAIN = "".join(chr(n).lower() if chr(n).isalnum() else " " for n in range(128))
_DOUBTS = (
    "family history",
    "family hx",
    "fam hx",
    "f h",
    "rule out",
    "ruled out",
    "r o",
    "no evidence of",
    "negative for",
    "denies",
    "screening for",
    "at risk of",
    "at risk for",
    "no history of",
    "no hx of",
)


def words(text: str) -> list[str]:
    """The words of a text, in lower case and without accents: tall-man letters and umlauts do not matter."""
    if text.isascii():
        return text.translate(_PLAIN).split()
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return _WORD.findall(letters.lower())


_SOMEONE_ELSE = frozenset(
    words(
        "fh fhx mother mothers mom mum father fathers sister sisters brother brothers sibling siblings parent parents"
        " grandmother grandmothers grandfather grandfathers grandparent grandparents grandma grandpa grandson grandsons"
        " granddaughter granddaughters grandchild grandchildren son sons daughter daughters aunt aunts uncle uncles"
        " cousin cousins niece nephew maternal paternal"
    )
)


class Hit(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A phrase found in a text: the place of its first word, of the word after it, and what the phrase stands for."""

    start: int
    end: int
    meaning: T


class Phrases(Generic[T]):
    """Phrases to look for in texts, each with what it stands for."""

    def __init__(self, phrases: Iterable[tuple[str, T]]) -> None:
        self._by_first: dict[str, list[tuple[list[str], T]]] = {}
        for phrase, meaning in phrases:
            parts = words(phrase)
            if parts:
                self._by_first.setdefault(parts[0], []).append((parts, meaning))
        self.first_words = frozenset(self._by_first)

    def find(self, text: list[str]) -> list[Hit[T]]:
        """Every phrase in the words of a text, overlapping ones too."""
        if self.first_words.isdisjoint(text):
            return []
        found: list[Hit[T]] = []
        for start, word in enumerate(text):
            for parts, meaning in self._by_first.get(word, ()):
                end = start + len(parts)
                if text[start:end] == parts:
                    found.append(Hit(start, end, meaning))
        return found


_DOUBT_PHRASES = Phrases((phrase, None) for phrase in _DOUBTS)
_FIRST_WORDS_OF_DOUBT = _SOMEONE_ELSE | _DOUBT_PHRASES.first_words


def doubts(text: list[str]) -> list[tuple[int, int]]:
    """Where a text speaks of someone else, or of a disease that is not there or not sure to be."""
    if _FIRST_WORDS_OF_DOUBT.isdisjoint(text):
        return []
    found = [(hit.start, hit.end) for hit in _DOUBT_PHRASES.find(text)]
    return found + [(place, place + 1) for place, word in enumerate(text) if _is_someone_else(text, place, word)]


def _is_someone_else(text: list[str], place: int, word: str) -> bool:
    # "Maternal care for ..." is said of the pregnant patient herself.
    return word in _SOMEONE_ELSE and not (word == "maternal" and text[place + 1 : place + 2] == ["care"])
