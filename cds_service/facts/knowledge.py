"""What can be known of a fact: it is known, we looked and there is none, or we could not look."""

from typing import Generic, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Known(msgspec.Struct, Generic[T_co], frozen=True):
    """A fact with the resources it was read from, such as ``Observation/8841``."""

    value: T_co
    sources: tuple[str, ...] = ()


class Absent(msgspec.Struct, frozen=True):
    """We looked, and there is none."""


class Unavailable(msgspec.Struct, frozen=True):
    """We could not look; ``why`` names the missing data and never the patient."""

    why: str


Fact: TypeAlias = Known[T] | Absent | Unavailable
ABSENT = Absent()


def either(*facts: Fact[T]) -> Fact[T]:
    """The first known fact; without one, unavailable if any could not be looked up, else absent."""
    missing: Unavailable | None = None
    for fact in facts:
        if isinstance(fact, Known):
            return fact
        if isinstance(fact, Unavailable):
            missing = Unavailable(f"{missing.why}; {fact.why}") if missing and missing.why != fact.why else fact
    return missing or ABSENT


def together(*facts: Fact[tuple[T, ...]]) -> Fact[tuple[T, ...]]:
    """All that is known in several facts; without any, as :func:`either`."""
    known = [fact for fact in facts if isinstance(fact, Known)]
    if not known:
        return either(*facts)
    return Known(sum((f.value for f in known), ()), sum((f.sources for f in known), ()))
