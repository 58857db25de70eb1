"""Which resources are one and the same, and what they refer to (clinical specification 2.1, oddly written b and c)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.fhir.references import base_of, local, unversioned

R = TypeVar("R", bound=fhir.Resource)


def settled(kept: Sequence[R], further: Iterable[R]) -> list[R]:
    """The resources of one type, each once: of the same content one, of two versions the newer, wherever it stands.

    Other content under one id is another resource where no version tells which is newer, and so is one without id.
    """
    every = [*kept, *further]
    if len({one.id for one in every}) == len(every):
        return every
    found: dict[str | None, list[R]] = {}
    for resource in sorted(every, key=_told_by):
        same_id = found.setdefault(resource.id, [])
        others = [one for one in same_id if _is_one(one, resource)] if resource.id else []
        if all(_is_newer(resource, one) for one in others):
            if others:
                gone = set(map(id, others))
                same_id[:] = [one for one in same_id if id(one) not in gone]
            same_id.append(resource)
    return [resource for same_id in found.values() for resource in same_id]


def _told_by(resource: fhir.Resource) -> tuple[bool, bool]:
    """Those first that a date or a version tells apart, so that it means nothing in which order they came."""
    meta = resource.meta
    version = (meta.version_id if meta else None) or ""
    return meta is None or _instant(meta.last_updated) is None, not version.isdecimal()


def _is_one(one: fhir.Resource, other: fhir.Resource) -> bool:
    """Whether two resources with one id are the same, or two versions of the same."""
    if msgspec.structs.replace(one, meta=other.meta, full_url=other.full_url) == other:
        return True
    elsewhere = one.full_url and other.full_url and unversioned(one.full_url) != unversioned(other.full_url)
    return not elsewhere and (_is_newer(one, other) or _is_newer(other, one))


def _is_newer(one: fhir.Resource, other: fhir.Resource) -> bool:
    """Whether their versions, or else their dates, tell that one came after the other."""
    if one.meta is None or other.meta is None:
        return False
    versions = one.meta.version_id or "", other.meta.version_id or ""
    if versions[0] != versions[1] and all(map(str.isdecimal, versions)):
        return int(versions[0]) > int(versions[1])
    updated, before = _instant(one.meta.last_updated), _instant(other.meta.last_updated)
    return updated is not None and before is not None and updated > before


def _instant(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo else None


_Bundles: TypeAlias = Callable[[], Sequence[Sequence[fhir.Resource]]]


class References:
    """Finds what a resource refers to among the resources of a chart and of its drafts.

    ``bundles`` gives what gives these as they came, the drafts first, or None once the chart is gone; ``base`` is the
    address of the patient's own server, if known.
    """

    def __init__(self, bundles: Callable[[], _Bundles | None], base: str | None = None) -> None:
        self._came, self._base = bundles, base.rstrip("/") if base else None
        self._held: Sequence[Sequence[fhir.Resource]] | None = None
        self._by_id: dict[type[fhir.Resource], dict[str, list[fhir.Resource]]] = {}

    def forget(self) -> None:
        """More resources have come."""
        self._held = None
        self._by_id.clear()

    def _bundles(self) -> Sequence[Sequence[fhir.Resource]]:
        if self._held is None:
            came = self._came()
            self._held = came() if came else ()
        return self._held

    def find(self, reference: fhir.Reference | None, kind: type[R], holder: fhir.Resource) -> R | None:
        """The resource of a type that the holder refers to; None where there is none, or where it could be several."""
        written = unversioned(reference.reference or "") if reference else ""
        if written.startswith("#"):
            inside = fhir.many(getattr(holder, "contained", None))
            found: Sequence[fhir.Resource] = [r for r in inside if (r.id or "").removeprefix("#") == written[1:]]
        else:
            found = self._at(written, kind) or self._named(written, kind, holder)
        of_kind = settled((), [one for one in found if isinstance(one, kind)])
        return of_kind[0] if len(of_kind) == 1 else None

    def _at(self, address: str, kind: type[R]) -> list[R]:
        """What came under this very address."""
        if ":" not in address:
            return []
        came = [one for bundle in self._bundles() for one in bundle if isinstance(one, kind) and one.full_url]
        return [one for one in came if unversioned(one.full_url or "") == address]

    def _named(self, written: str, kind: type[R], holder: fhir.Resource) -> Sequence[fhir.Resource]:
        """What has the id: of the holder's own Bundle, else of the chart, else of the drafts."""
        of, _, name = local(written).rpartition("/")
        server = base_of(written) or base_of(holder.full_url or "")
        if not name or of not in ("", kind.__name__) or (base_of(written) and self._base not in (None, server)):
            return []
        found = [one for one in self._of(kind).get(name, ()) if base_of(one.full_url or "") in ("", server or "")]
        found = found or ([] if server else list(self._of(kind).get(name, ())))
        if len(found) < 2:
            return found
        bundles = self._bundles()
        own = next((bundle for bundle in bundles if _holds(bundle, holder)), ())
        return (
            [one for one in found if _holds(own, one)] or [one for one in found if not _holds(bundles[0], one)] or found
        )

    def _of(self, kind: type[R]) -> dict[str, list[fhir.Resource]]:
        if kind not in self._by_id:
            held = self._by_id[kind] = {}
            for bundle in self._bundles():
                for one in bundle:
                    if isinstance(one, kind) and one.id:
                        held.setdefault(one.id, []).append(one)
        return self._by_id[kind]


def _holds(bundle: Iterable[fhir.Resource], resource: fhir.Resource) -> bool:
    return any(one is resource for one in bundle)
