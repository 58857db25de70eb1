"""One patient's part of an export, ready to be asked for as an EHR would be: key by key, as of a day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, tzinfo
from functools import cached_property
from itertools import chain
from math import inf
from typing import NamedTuple, TypeVar

import msgspec

from cds_service.errors import OtherRelease
from cds_service.facts.identity import settled
from cds_service.facts.queries import DRUG_KEYS
from cds_service.facts.relevance import Parts, Relevance
from cds_service.fhir import elements as fhir
from cds_service.fhir.decoding import LenientReader
from cds_service.fhir.local import localize
from cds_service.fhir.references import local
from cds_service.fhir.sources import NOT_SENT, Answer, Reading, Source, Unreadable, other_release, query, read_source
from cds_service.hooks.prefetch import Prefetch
from cds_service.replay.known import AllergyDates, LastChange, as_it_stood, ended_before_told, known_from
from cds_service.replay.lines import KEY_OF, NO_JSON, part_of

R = TypeVar("R", bound=fhir.Resource)
Shared = Callable[[str], Sequence[bytes]]
"""The lines of what names nobody, by ``Type/id``."""
_DEEPEST = 2
"""A drug may be made of another that stands elsewhere; no chart needs more."""
_RESULTS = "observations"
_NO_JSON = Reading(None, (Unreadable("resource", "no JSON"),))


class Record(NamedTuple):
    """A resource on its way to its chart."""

    type: str
    address: str
    """That under which it came in its Bundle, if it did."""
    raw: bytes


class Entry(msgspec.Struct, frozen=True):
    """A resource of the chart, with what of it could not be read."""

    reading: Reading
    raw: bytes
    key: str
    since: date | None
    """The first day on which it may have been known."""
    changed: date | None = None
    """The day of its last change, from which on it stands as it stands today; told only where that can matter."""

    @property
    def reference(self) -> str:
        resource = self.reading.resource
        return f"{fhir.type_of(resource)}/{resource.id}" if resource is not None else ""


class Chart:
    """All that the export holds of one patient."""

    def __init__(
        self,
        patient: str,
        entries: Iterable[Entry],
        shared: Iterable[Reading],
        later: Callable[[], Iterable[Entry]] = tuple,
        aside: Iterable[fhir.Resource] = (),
    ) -> None:
        self.patient = patient
        self.entries = tuple(entries)
        """What could start a rule, or make a hook fire."""
        self.shared = tuple(shared)
        self.aside = tuple(aside)
        """The other resources, whether a rule could read anything of them or not."""
        self._later = later

    @cached_property
    def whole(self) -> Sequence[Entry]:
        """With what is read only once a rule has started."""
        return sorted([*self.entries, *self._later()], key=place)

    def of(self, kind: type[R]) -> Iterator[tuple[Entry, R]]:
        for entry in self.entries:
            resource = entry.reading.resource
            if isinstance(resource, kind):
                yield entry, resource

    @property
    def person(self) -> fhir.Patient | None:
        return _newest([one for _, one in self.of(fhir.Patient)])

    def held(self, entries: Iterable[Entry], day: date | None) -> Held:
        """Some entries of it, by key; as they stood on a day, or as they stand."""
        by_key: dict[str, list[Reading]] = {}
        for entry in entries:
            by_key.setdefault(entry.key, []).append(_then(entry, day))
        return Held(by_key, self.shared)


def _then(entry: Entry, day: date | None) -> Reading:
    """Facts put a resource right in its place, and what one judgement did must not be seen by the next."""
    resource = entry.reading.resource
    if resource is None or day is None or (entry.changed is not None and entry.changed <= day):
        return copied(entry.reading)
    then = as_it_stood(resource, day)
    return Reading(then, entry.reading.unreadable)


def copied(reading: Reading) -> Reading:
    """The same for a judgement of its own."""
    resource = reading.resource
    return reading if resource is None else Reading(msgspec.structs.replace(resource), reading.unreadable)


class Held:
    """Readings by key, and what they may refer to."""

    def __init__(self, by_key: Mapping[str, Sequence[Reading]], shared: Sequence[Reading]) -> None:
        self._by_key, self._shared = by_key, shared

    def prefetch(self, templates: Mapping[str, str], not_exported: frozenset[str]) -> Prefetch:
        return _Exported(self, templates, not_exported)

    def answer(self, key: str) -> Answer:
        """What a search by the patient would bring, with the drugs that it refers to."""
        readings = list(self._by_key.get(key, ()))
        if key in DRUG_KEYS and any(one.resource is not None for one in readings):
            readings += map(copied, self._shared)
        odd = tuple([one for one in readings if one.unreadable])
        found = [one.resource for one in readings if one.resource is not None]
        if key == "patient":
            return Answer(_newest(found), odd)
        return Answer(fhir.Bundle(entry=[fhir.Entry(resource=one) for one in found]), odd)


class _Exported(Prefetch):
    """An export in the place of what a client sends."""

    def __init__(self, held: Held, templates: Mapping[str, str], not_exported: frozenset[str]) -> None:
        super().__init__({}, templates)
        self._held, self._not_exported, self._wanted = held, not_exported, templates

    def _source(self, key: str) -> Source:
        if key in self._not_exported:
            return NOT_SENT
        answer = self._held.answer(key)
        entries = fhir.many(answer.value.entry) if isinstance(answer.value, fhir.Bundle) else ()
        foreign = other_release([entry.resource for entry in entries])
        if foreign:
            raise OtherRelease(foreign)
        return read_source(answer, query(self._wanted[key]))


class ChartReader:
    """Makes charts of records; ``shared`` finds what names nobody. Without ``relevance`` all is looked at."""

    def __init__(self, zone: tzinfo, shared: Shared, relevance: Relevance | None = None) -> None:
        self._zone, self._shared = zone, shared
        self.parts: Callable[[Sequence[fhir.Resource], Sequence[fhir.Resource]], Parts] = (
            relevance.parts if relevance else _all
        )
        """By when they are looked at; resources that can be read in full, and others."""

    def chart(self, patient: str, records: Iterable[Record]) -> Chart:
        """The chart of a patient; the order in which records come means nothing."""
        read = [(record, self.read(record)) for record in records]
        plain = [one.resource for _, one in read if one.resource and not one.unreadable]
        odd = [one.resource for _, one in read if one.resource and one.unreadable]
        parts = self.parts(plain, odd)
        now = _ids(parts.now)
        looked_at = [one for one in read if one[1].unreadable or id(one[1].resource) in now]
        entries = self._entries(looked_at)
        own = [one for record, one in looked_at if record.type not in KEY_OF and one.resource is not None]

        def later() -> list[Entry]:
            others = _ids(parts.later)
            return self._entries([one for one in read if id(one[1].resource) in others])

        aside = chain(*parts.later.values(), *parts.never.values())
        return Chart(patient, entries, [*own, *self._referred(entries)], later, aside)

    def _entries(self, read: Iterable[tuple[Record, Reading]]) -> list[Entry]:
        """In the order of their places, and of their content in one."""
        made = [self.entry(*one) for one in sorted(read, key=_by_content) if one[0].type in KEY_OF]
        return sorted(made, key=place)

    def read(self, record: Record) -> Reading:
        """What stands there."""
        reading = _reading(record.raw)
        if reading.resource is not None and record.address:
            reading.resource.full_url = record.address
        return reading

    def entry(self, record: Record, reading: Reading) -> Entry:
        resource, since = reading.resource, None
        if resource is not None:
            localize(resource, self._zone)
            since = known_from(resource)
        if isinstance(resource, fhir.AllergyIntolerance):
            since = (part_of(_ALLERGY, record.raw) or AllergyDates()).first
        is_early = resource is not None and ended_before_told(resource)
        changed = (part_of(_CHANGE, record.raw) or LastChange()).day if is_early else None
        return Entry(reading, record.raw, KEY_OF[record.type], since, changed)

    def _referred(self, entries: Iterable[Entry]) -> Iterator[Reading]:
        """The drugs that the entries name by reference, and what those are made of."""
        waiting = [one for entry in entries if entry.reading.resource for one in _references(entry.reading.resource)]
        seen: set[str] = set()
        for _ in range(_DEEPEST):
            found = [one for name in dict.fromkeys(waiting) if name not in seen for one in self._of(name)]
            seen.update(waiting)
            yield from found
            waiting = [name for one in found if one.resource for name in _references(one.resource)]

    def _of(self, name: str) -> Iterator[Reading]:
        for raw in self._shared(name):
            reading = _reading(raw)
            if reading.resource is not None:
                yield reading


def _newest(found: Sequence[R]) -> R | None:
    """Of several versions the newest, as a search would bring; the first where nothing tells."""
    return next(iter(settled((), found)), None)


def _reading(raw: bytes) -> Reading:
    try:
        return _READER.reading(raw)
    except NO_JSON:
        return _NO_JSON


def place(entry: Entry) -> tuple[str, date, str]:
    """Where an entry stands in its chart; results by the day on which they became known."""
    since = entry.since if entry.key == _RESULTS else None
    return entry.key, since or date.min, entry.reference


def _all(plain: Sequence[fhir.Resource], odd: Sequence[fhir.Resource]) -> Parts:
    return Parts([*odd, *plain])


def _ids(part: Mapping[type[fhir.Resource], Iterable[fhir.Resource]]) -> set[int]:
    return {id(one) for found in part.values() for one in found}


def _by_content(read: tuple[Record, Reading]) -> tuple[bytes, str]:
    record, _ = read
    return record.raw, record.address


def _references(resource: fhir.Resource) -> Iterator[str]:
    """What it names by reference that may stand elsewhere, as ``Type/id``."""
    from_drug = getattr(resource, "medication_reference", None)
    made_of = [one.item_reference for one in fhir.many(getattr(resource, "ingredient", None))]
    for reference in (from_drug, *made_of):
        written = reference.reference if reference else None
        if written and not written.startswith("#"):
            yield local(written)


_READER = LenientReader(inf)
"""However long it takes to mend: the same export is to give the same answers anywhere."""
_ALLERGY = msgspec.json.Decoder(AllergyDates)
_CHANGE = msgspec.json.Decoder(LastChange)
