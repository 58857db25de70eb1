"""Whole words and phrases in a chart's text.

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
_LONGEST, _STEP, _MOST_HITS = 1_000, 100, 50
_GLUED = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def words(text: str) -> list[str]:
    """The words of a text, in lower case and without accents: tall-man letters and umlauts do not matter.

    Of an endless text the beginning, counted after folding: one letter may stand for a whole sentence.
    """
    if text.isascii():
        return text[:_LONGEST].translate(_PLAIN).split()
    return _WORD.findall(_folded(text))


def gaps(text: str) -> list[str]:
    """What stands before each of the words of a text, and after the last."""
    return _WORD.split(_folded(text))


def _folded(text: str) -> str:
    if text.isascii():
        return text[:_LONGEST].lower()
    folded = ""
    for start in range(0, min(len(text), _LONGEST), _STEP):
        folded += unicodedata.normalize("NFKD", text[start : start + _STEP])
        if len(folded) >= _LONGEST:
            break
    return "".join([letter for letter in folded[:_LONGEST] if not unicodedata.combining(letter)]).lower()


def unglued(text: str) -> str:
    """The text cut between letters and digits: "CLONAZEPAM0.5MG" names clonazepam."""
    return _GLUED.sub(" ", text)


class Hit(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A phrase found in a text: the place of its first word, of the word after it, and what the phrase stands for."""

    start: int
    end: int
    meaning: T


class _Branch(msgspec.Struct, Generic[T]):
    """Where the words read so far lead to."""

    onward: dict[str, _Branch[T]] = {}
    meanings: list[T] = []


class Phrases(Generic[T]):
    """Phrases to look for in texts, each with what it stands for.

    To look costs the same however many phrases begin with a word.
    """

    def __init__(self, phrases: Iterable[tuple[str, T]]) -> None:
        self._root: _Branch[T] = _Branch()
        for phrase, meaning in phrases:
            parts = words(phrase)
            branch = self._root
            for part in parts:
                branch = branch.onward.setdefault(part, _Branch())
            if parts:
                branch.meanings.append(meaning)
        self.first_words = frozenset(self._root.onward)

    def find(self, text: list[str]) -> list[Hit[T]]:
        """Every phrase in the words of a text, overlapping ones too; of an endless list of them the beginning."""
        if self.first_words.isdisjoint(text):
            return []
        found: list[Hit[T]] = []
        onward = self._root.onward
        for start, word in enumerate(text):
            branch, end = onward.get(word), start + 1
            while branch is not None:
                found += [Hit(start, end, meaning) for meaning in branch.meanings]
                branch = branch.onward.get(text[end]) if end < len(text) else None
                end += 1
            if len(found) > _MOST_HITS:
                break
        return found
