"""The resources of one patient, sorted by type: read key by key, those of other patients left out.

Knows nothing of CDS Hooks: the caller says for each prefetch key what was read and why it may not be all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from operator import attrgetter
from typing import TypeVar
from weakref import WeakMethod

from cds_service.facts import results
from cds_service.facts.identity import References, settled
from cds_service.facts.losses import Losses
from cds_service.facts.orders import REQUESTS, Drafted
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import Interval, interval
from cds_service.fhir.local import localize
from cds_service.fhir.sources import EMPTY, Source, Unreadable
from cds_service.terminology.vocabulary import Vocabulary

R = TypeVar("R", bound=fhir.Resource)

NOT_READ = Source(gap="not asked for")
MOST_RESOURCES = 10_000
"""Resources of a chart that are read, results that no value set knows not counted: more than a body of 5 MB of ordinary
ones holds."""
TOO_MANY = Unreadable("Bundle.entry", "more than can be read in time")


class Chart:
    """What was read so far of one patient's chart.

    Long charts are long lists of results that no value set knows. These are left out first, and what can be asked of
    a whole list is not asked of each resource.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        drafts: Sequence[Drafted],
        vocabulary: Vocabulary,
        patient_id: str,
        zone: tzinfo = UTC,
        base: str | None = None,
    ) -> None:
        self._sources = sources
        self._drafts = drafts
        self._zone = zone
        self._vocabulary = vocabulary
        self._id = patient_id
        self._usual_reference = f"Patient/{patient_id}"
        self._taken: dict[str, Source] = {}
        self._needed: dict[str, Source] = {}
        self._room = MOST_RESOURCES
        self._cut: dict[str, str] = {}
        """Why not all that came for a key was read."""
        self.by_type: dict[type[fhir.Resource], list[fhir.Resource]] = {}
        self.gaps: dict[str, str] = {}
        """Why a key that was asked for could not be read in full."""
        self.losses = Losses()
        for draft in drafts:
            self.losses.note_draft(draft.resource, draft.unreadable)
        self.drafts = [d for d in drafts if self._may_be_for_patient(d.resource)]
        self.dropped = len(drafts) - len(self.drafts)
        """Resources of another patient, left out; results that no value set knows do not count."""
        self.foreign_orders = _reviewed(drafts) - _reviewed(self.drafts)
        """Orders under review that do not name the patient."""
        self.drafts = _once_each(self.drafts, zone)
        # Held weakly: a chart ends with its request, and needs no collector for it.
        self.references = References(WeakMethod(self._bundles), base)
        self.grown: set[type[fhir.Resource]] = set()
        """The types of which something came lately."""

    @property
    def born(self) -> Interval | None:
        return next((interval(patient.birth_date) for patient in self.of(fhir.Patient)), None)

    def read_from(self, sources: Mapping[str, Source]) -> None:
        """Where to read what is asked for from now on."""
        self._sources = sources

    def need(self, keys: Iterable[str]) -> None:
        """Reads these keys, each once unless more came for it; a gap in any of them counts."""
        for key in keys:
            source = self._sources.get(key, NOT_READ)
            if self._needed.get(key) is source:
                continue
            self._needed[key] = source
            if source.gap and source is not NOT_READ:
                self.gaps[key] = source.gap
            self._take(key, source)

    def look(self, keys: Iterable[str]) -> None:
        """Reads what there is under these keys, for what other resources refer to; a gap in them does not count."""
        for key in keys:
            self._take(key, self._sources.get(key, NOT_READ))

    def why_not(self, key: str) -> str | None:
        """Why a key could not be read in full, or was not asked for."""
        return self._needed.get(key, NOT_READ).gap or self._cut.get(key)

    def has_read(self, key: str) -> bool:
        return key in self._needed

    def of(self, kind: type[R]) -> list[R]:
        return self.by_type.get(kind, [])  # type: ignore[return-value]  # filled by type

    def _take(self, key: str, source: Source) -> None:
        before = self._taken.get(key, EMPTY)
        if source is before:
            return
        self._taken[key] = source
        self.losses.note(key, source)
        self.references.forget()
        fresh = source.resources
        if before.resources:
            known = set(map(id, before.resources))
            fresh = tuple([resource for resource in fresh if id(resource) not in known])
        for kind, found in _by_type(fresh).items() if fresh else ():
            self._add(key, kind, found)

    def _add(self, key: str, kind: type[fhir.Resource], found: Sequence[fhir.Resource]) -> None:
        if kind is fhir.Observation:
            found = results.perhaps_known(found, self._vocabulary)  # type: ignore[arg-type]  # of that type
        mine = self._about_patient(kind, found)
        self.dropped += len(found) - len(mine)
        if len(mine) > self._room:
            self._cut[key] = self.gaps[key] = TOO_MANY.why
            self.losses.lose(key, None, (TOO_MANY,))
            mine = mine[: self._room]
        self._room -= len(mine)
        for resource in mine:
            localize(resource, self._zone)
        kept = self.losses.settle(key, kind, mine)
        self.by_type[kind] = settled(self.by_type.get(kind, ()), kept)
        self.grown.add(kind)

    def _bundles(self) -> Sequence[Sequence[fhir.Resource]]:
        """The resources that can be referred to, as they came, the drafts first."""
        drafted = [draft.resource for draft in self._drafts if draft.resource is not None]
        came = [drafted, *(source.resources for source in self._taken.values())]
        return [
            [one for kind, found in _by_type(bundle).items() for one in self._about_patient(kind, found)]
            for bundle in came
            if bundle or bundle is drafted
        ]

    def _about_patient(self, kind: type[fhir.Resource], found: Sequence[fhir.Resource]) -> Sequence[fhir.Resource]:
        """Those that name the patient or nobody."""
        subject_of = _SUBJECT_OF.get(kind)
        if subject_of is None:
            return [resource for resource in found if self._is_for_patient(resource)] if kind is fhir.Patient else found
        subjects = [subject_of(resource) for resource in found]
        named = {subject.reference for subject in subjects if subject is not None}
        others = {reference for reference in named if reference and not self._is_mine(reference)}
        if not others:
            return found
        return [r for r, s in zip(found, subjects, strict=True) if s is None or s.reference not in others]

    def _may_be_for_patient(self, draft: fhir.Resource | None) -> bool:
        return draft is None or "subject" in self.losses.of(draft) or self._is_for_patient(draft)

    def _is_for_patient(self, resource: fhir.Resource) -> bool:
        """Whether a draft names the patient; only a Medication need not name anybody."""
        if isinstance(resource, fhir.Patient):
            return resource.id is None or resource.id == self._id
        subject_of = _SUBJECT_OF.get(type(resource))
        subject = subject_of(resource) if subject_of else None
        if subject is None or not subject.reference:
            return isinstance(resource, fhir.Medication)
        return self._is_mine(subject.reference)

    def _is_mine(self, reference: str) -> bool:
        """Whether an absolute or versioned address, a urn:uuid or a bare id names the patient, and not a Group."""
        if reference == self._usual_reference:
            return True
        *way, name = reference.split("/_history/")[0].replace(":", "/").split("/")
        return name == self._id and (not way or way[-1] in ("Patient", "uuid"))


def _once_each(drafts: Sequence[Drafted], zone: tzinfo) -> list[Drafted]:
    """The drafts in their order, each once; of two versions the newer."""
    by_type: dict[type[fhir.Resource], list[fhir.Resource]] = {}
    for resource in [draft.resource for draft in drafts if draft.resource is not None]:
        localize(resource, zone)
        by_type.setdefault(type(resource), []).append(resource)
    kept = {id(one) for found in by_type.values() for one in settled((), found)}
    return [draft for draft in drafts if draft.resource is None or id(draft.resource) in kept]


def _reviewed(drafts: Sequence[Drafted]) -> int:
    return sum(draft.selected and isinstance(draft.resource, REQUESTS) for draft in drafts)


def _by_type(resources: Sequence[fhir.Resource]) -> Mapping[type[fhir.Resource], Sequence[fhir.Resource]]:
    kinds = set(map(type, resources))
    if len(kinds) == 1:
        return {kinds.pop(): resources}
    found: dict[type[fhir.Resource], list[fhir.Resource]] = {}
    for resource in resources:
        found.setdefault(type(resource), []).append(resource)
    return found


_SUBJECT_MEMBERS = {fhir.AllergyIntolerance: "patient", fhir.Task: "for_"}
_SUBJECT_OF: dict[type[fhir.Resource], Callable[[fhir.Resource], fhir.Reference | None]] = {
    kind: attrgetter(member)
    for kind in fhir.READ
    if (member := _SUBJECT_MEMBERS.get(kind, "subject")) in kind.__struct_fields__
}
