"""Prefetch templates, and what the client sent for their keys (CDS Hooks: Prefetch Template)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from cds_service.errors import NotJson, OtherRelease
from cds_service.fhir.decoding import LenientReader, addressed, read_value
from cds_service.fhir.sources import (
    FAILED,
    NOT_READABLE,
    NOT_SENT,
    Answer,
    Source,
    other_release,
    query,
    read_source,
    resources_in,
)
from cds_service.hooks.envelope import Sent

PATIENT_TOKEN = "{{context.patientId}}"  # noqa: S105
LEFT_OUT, NOT_READ = "left out", "not read"
"""What became of a key of which nothing was sent, and of one that was sent and that nobody asked for."""


def resolve(template: str, patient_id: str) -> str:
    """The template as an address relative to the FHIR base; ``patient_id`` holds no character that needs escaping."""
    return template.replace(PATIENT_TOKEN, patient_id)


class Prefetch(Mapping[str, Source]):
    """What there is for every template's key; what was sent under other keys is ignored.

    A value is read when it is first asked for, and once: NotJson where that shows that the body was no JSON,
    OtherRelease where it is not R4.
    """

    def __init__(self, sent: Sent, templates: Mapping[str, str]) -> None:
        self._sent, self._templates = sent, templates
        self._reader = LenientReader()
        self._read: dict[str, Source] = {}

    def __getitem__(self, key: str) -> Source:
        source = self._read.get(key)
        if source is None:
            source = self._read[key] = self._source(key)
        return source

    def __iter__(self) -> Iterator[str]:
        return iter(self._templates)

    def __len__(self) -> int:
        return len(self._templates)

    def states(self) -> dict[str, list[str]]:
        """The keys by what became of them: nothing of what they hold."""
        keys: dict[str, list[str]] = {}
        for key in self._templates:
            keys.setdefault(self._state(key), []).append(key)
        return keys

    def _state(self, key: str) -> str:
        source = self._read.get(key)
        if source is None:
            return LEFT_OUT if self._sent.get(key, msgspec.UNSET) is msgspec.UNSET else NOT_READ
        if source.gap is None:
            return "given" if source.resources else "empty"
        return _STATES.get(source.gap, "partial")

    def _source(self, key: str) -> Source:
        asked, value = query(self._templates[key]), self._sent.get(key, msgspec.UNSET)
        if isinstance(value, msgspec.UnsetType):
            return NOT_SENT
        answer = self._answer(value) if isinstance(value, msgspec.Raw) else Answer(addressed(value))
        foreign = other_release(resources_in(answer.value))
        if foreign:
            raise OtherRelease(foreign)
        return read_source(answer, asked)

    def _answer(self, raw: msgspec.Raw) -> Answer:
        try:
            return read_value(raw, self._reader)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise NotJson from None


_STATES = {FAILED.gap: "failed", NOT_SENT.gap: LEFT_OUT, NOT_READABLE: "unreadable"}
