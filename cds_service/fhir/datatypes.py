"""The R4 data types that many elements are made of, and how their values are read.

A list is typed ``Many`` and read with :func:`many`; a single object in its place is for
:mod:`cds_service.fhir.lenient`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias, TypeVar

import msgspec

T = TypeVar("T")
Many: TypeAlias = list[T] | None
Number: TypeAlias = float | str | None


class Element(msgspec.Struct, gc=False, rename="camel"):
    """A FHIR data type or backbone element."""


class Coding(Element):
    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Element):
    coding: Many[Coding] = None
    text: str | None = None


class Status(CodeableConcept):
    """A status that R4 has as a concept and some clients write as a primitive."""

    value: str | None = None


class Reference(Element):
    reference: str | None = None
    display: str | None = None
    type: str | None = None


class Period(Element):
    start: str | None = None
    end: str | None = None


class Quantity(Element):
    value: Number = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Extension(Element):
    url: str | None = None
    value_date_time: str | None = None


class Annotation(Element):
    text: str | None = None


class Range(Element):
    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Element):
    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Meta(Element):
    version_id: str | None = None
    last_updated: str | None = None


def many(value: Many[T]) -> list[T]:
    """The items of a list, none where it is left out."""
    return value or []


def codings(concept: CodeableConcept | None) -> list[Coding]:
    return [] if concept is None else many(concept.coding)[:_MOST_CODINGS]


ConceptKey: TypeAlias = tuple[tuple[tuple[str | None, str | None, str | None], ...], str | None]
"""System, code and display of each coding, and the text."""


def concept_key(concept: CodeableConcept | None) -> ConceptKey:
    """All that tells what a concept is, to remember it by."""
    if concept is None:
        return (), None
    listed = many(concept.coding)
    if len(listed) == 1:
        (only,) = listed
        return ((only.system, only.code, only.display),), concept.text
    return tuple([(one.system, one.code, one.display) for one in listed]), concept.text


def texts(concept: CodeableConcept | None) -> Iterator[str]:
    """The words of a concept: its text, then each coding's display; of an endless one the beginning."""
    for said in (concept.text, *(coding.display for coding in codings(concept))) if concept else ():
        if said and not said.isspace():
            yield said[:_LONGEST_TEXT]


_MOST_CODINGS, _LONGEST_TEXT = 100, 1_000


def number(value: Number) -> float | None:
    """A decimal that may have been sent as a string; None when it is not a finite number."""
    if value is None:
        return None
    try:
        found = float(value)
    except (OverflowError, ValueError):
        return None
    return found if abs(found) != float("inf") and found == found else None
