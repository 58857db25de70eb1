"""What can be known of a fact: it is known, we looked and there is none, or we could not look.

Nothing can be made of what is not known: every operation leaves it absent, or unavailable for its own reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Generic, Literal, Protocol, Self, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)


class Sourced(Protocol):
    """What was read from one resource."""

    @property
    def source(self) -> str: ...


S = TypeVar("S", bound=Sourced)


class _Unknown(msgspec.Struct, frozen=True):
    known: ClassVar[Literal[False]] = False
    sources: ClassVar[tuple[str, ...]] = ()

    def value_or(self, other: U) -> U:
        return other

    def then(self, _: Callable[[Any], object]) -> Self:
        return self

    read_as = provided = where = best = then

    def first(self) -> Self:
        return self


class Absent(_Unknown, frozen=True):
    """We looked, and there is none."""

    why: ClassVar[str] = ""


class Unavailable(_Unknown, frozen=True):
    """We could not look; ``why`` names the missing data and never the patient."""

    why: str


ABSENT = Absent()


class Known(msgspec.Struct, Generic[T_co], frozen=True):
    """A fact with the resources it was read from, such as ``Observation/8841``."""

    value: T_co
    sources: tuple[str, ...] = ()
    rest: Absent | Unavailable = ABSENT
    """Of a collection, whether there may be more of the kind that could not be read."""
    known: ClassVar[Literal[True]] = True
    why: ClassVar[str] = ""

    def value_or(self, _: object) -> T_co:
        """What is known, or what stands in its place where nothing is."""
        return self.value

    def read_as(self, read: Callable[[T_co], U]) -> Known[U]:
        """The same fact in other terms, from the same resources."""
        return Known(read(self.value), self.sources)

    def then(self, look: Callable[[T_co], Fact[U]]) -> Fact[U]:
        """What is found by looking further from here; its own resources tell it."""
        return look(self.value)

    def provided(self, holds: Callable[[T_co], bool]) -> Fact[T_co]:
        """The fact if this holds of it, else absent."""
        return self if holds(self.value) else ABSENT

    def where(self: Known[tuple[S, ...]], wanted: Callable[[S], object]) -> Fact[tuple[S, ...]]:
        """Those of a collection that are wanted; without any, absent only if all of it could be read."""
        return all_of([one for one in self.value if wanted(one)], self.rest)

    def best(self: Known[tuple[S, ...]], rank: Callable[[S], Any]) -> Known[S]:
        """The one of a collection that ranks lowest, the first of equals."""
        return of(min(self.value, key=rank))

    def first(self: Known[tuple[S, ...]]) -> Known[S]:
        """The first of a collection: of results the newest."""
        return of(self.value[0])


Fact: TypeAlias = Known[T] | Absent | Unavailable


def of(one: S) -> Known[S]:
    """Known, from its own resource."""
    return Known(one, (one.source,))


def all_of(found: Iterable[S], rest: Absent | Unavailable = ABSENT) -> Fact[tuple[S, ...]]:
    """Known, each from its own resource; where nothing was found, what is told of the rest."""
    kept = tuple(found)
    return Known(kept, tuple([one.source for one in kept]), rest) if kept else rest


def unread(*facts: Fact[object]) -> Absent | Unavailable:
    """Nothing is known: unavailable as the first of these that could not be looked up, else absent."""
    for fact in facts:
        if isinstance(fact, Unavailable):
            return fact
    return ABSENT


def either(*facts: Fact[T]) -> Fact[T]:
    """The first known fact; without one, unavailable if any could not be looked up, else absent."""
    missing: Unavailable | None = None
    for fact in facts:
        if fact.known:
            return fact
        if isinstance(fact, Unavailable):
            missing = Unavailable(f"{missing.why}; {fact.why}") if missing and missing.why != fact.why else fact
    return missing or ABSENT


def together(*facts: Fact[tuple[T, ...]]) -> Fact[tuple[T, ...]]:
    """All that is known in several facts; without any, as :func:`either`."""
    known = [fact for fact in facts if fact.known]
    if not known:
        return either(*facts)
    return Known(sum((f.value for f in known), ()), sum((f.sources for f in known), ()))
