"""What there is for each prefetch key: what the client sent, read when it is asked for, and what the FHIR server adds.

Here CDS Hooks and the FHIR client meet; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from functools import partial
from time import monotonic
from typing import Any, get_args

import msgspec

from cds_service.decisions.running import Run, at_once
from cds_service.errors import ContractBroken
from cds_service.facts.queries import DRUG_KEYS
from cds_service.fhir import elements as fhir
from cds_service.fhir.sources import EMPTY, Failure, FhirQuery, Source, query
from cds_service.fhir_client.access import FhirGrant
from cds_service.fhir_client.references import REFERRING, unresolved
from cds_service.fhir_client.target import REFERENCES, Closed, Deadline, Target, TokenNotUsable
from cds_service.hooks.prefetch import resolve
from cds_service.hooks.requests import HookRequest

_HOLDERS: Mapping[type[fhir.Resource], tuple[str, ...]] = {
    fhir.Medication: DRUG_KEYS,
    fhir.Encounter: ("encounters",),
    fhir.Condition: ("conditions",),
}
"""The keys under which a client may have sent what is referred to."""
_REFERRING = frozenset(kind for kinds in REFERRING.values() for kind in kinds)
_TELLING = frozenset({"conditions", "medicationRequests"})
"""Keys that tell something also where they hold nothing."""
_UNUSABLE = get_args(TokenNotUsable)
_TRIED = frozenset((*get_args(Failure), *_UNUSABLE))
"""Why a key was not had that the client offers, whoever ran its query."""
_MOST_SERVERS = 256


class Pace:
    """How long each server took for a first round, from which follows whether two fit into a deadline."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def took(self, server: str, seconds: float) -> None:
        if len(self._seconds) >= _MOST_SERVERS:
            self._seconds.clear()
        self._seconds[server] = seconds

    def allows_two(self, server: str, remaining: float) -> bool:
        """Whether so much is left that a second round need not be hurried."""
        return remaining >= 3 * self._seconds.get(server, 0.0)


class Round(msgspec.Struct, frozen=True):
    """Queries that were put to a FHIR server side by side."""

    stage: int
    """1 for what can start a rule, 2 for what else the started rules read."""
    queries: int
    """Searches and reads by key; further pages and second tries are not counted, what is referred to counts as one."""
    ms: float


class Asked(msgspec.Struct):
    """What one request came to ask of its FHIR server: filled as it goes, so that it is known of a refused one too."""

    fetched: dict[str, str] = {}
    """By key, ``ok`` or what is still not had."""
    rounds: list[Round] = []
    read: list[tuple[str, ...]] = []
    """The keys that were read at each stage, sent or fetched."""

    @property
    def told(self) -> dict[str, Any]:
        """What may be written down of it."""
        rounds = [{"stage": one.stage, "queries": one.queries, "ms": one.ms} for one in self.rounds]
        return {name: value for name, value in (("fetched", self.fetched), ("rounds", rounds)) if value}


class Sources(Mapping[str, Source]):
    """By key, for one request. What is not obtained yet is what the client sent of it.

    Raises ContractBroken for another patient's Patient, OtherRelease for what is not R4 and NotJson for what cannot be
    read, each when it is met. A key that the client's server does not serve is known to hold no more than what is sent.
    """

    def __init__(
        self,
        hook: HookRequest,
        templates: Mapping[str, str],
        grant: FhirGrant | None = None,
        pace: Pace | None = None,
        asked: Asked | None = None,
    ) -> None:
        self._hook, self._templates, self._grant = hook, templates, grant
        self._not_served = grant.not_served if grant else frozenset()
        self._pace = pace or Pace()
        self._target = _target(hook, grant)
        self._deadline: Deadline | None = None
        self._obtained: dict[str, Source] = {}
        self._referring: list[fhir.Resource] = [draft.resource for draft in hook.drafts if draft.resource]
        """Resources whose references were not followed yet."""
        self._referred = list(self._referring)
        """What can be referred to."""
        self._asked = asked or Asked()
        self._stage = 0

    def __getitem__(self, key: str) -> Source:
        return self._obtained[key] if key in self._obtained else self._sent(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._templates)

    def __len__(self) -> int:
        return len(self._templates)

    @property
    def obtained(self) -> Mapping[str, Source]:
        """What was asked for so far."""
        return self._obtained

    def fits_two_rounds(self) -> bool:
        """Whether what is left of the deadline is enough for asking in two rounds."""
        if not isinstance(self._target, Target):
            return True
        return self._pace.allows_two(self._target.base.url, self._until().remaining)

    def serves_any(self, keys: Set[str]) -> bool:
        """Whether the client's server serves any of these keys, as far as the site says."""
        return not keys <= self._not_served

    @property
    def in_vain(self) -> dict[str, str]:
        """Why what was asked for was not had, by key: nothing that the client does not offer."""
        gaps = {
            key: one.gap if key in self._asked.fetched or one.gap in _TRIED else self._sent(key).gap
            for key, one in self._obtained.items()
            if one.gap
        }
        return {key: why for key, why in gaps.items() if why and (key in self._asked.fetched or why in _TRIED)}

    def lacking(self) -> dict[str, str]:
        """Why patient, conditions and drugs could not be had; empty where conditions or drugs could.

        What was had in part counts as had. That the patient's own list is empty does not tell what is taken, nor does
        a list that is empty because nobody keeps it.
        """
        telling = _TELLING - self._not_served
        had = {key: self[key] for key in ("conditions", *DRUG_KEYS) if key in self._templates}
        if any(one.resources or (one.gap is None and key in telling) for key, one in had.items()):
            return {}
        asked = {key: one for key, one in self._obtained.items() if key in had or key == "patient"}
        return {key: one.gap for key, one in asked.items() if one.gap and not one.resources}

    async def obtain(self, keys: Set[str], run: Run = at_once) -> None:
        """Reads these keys, and fetches in one round what lacks of them and what they refer to."""
        self._stage += 1
        sent = await run(partial(self._not_obtained, keys))
        self._asked.read.append(tuple(sent))
        if not isinstance(self._target, Target):
            self._obtained |= sent if self._target is None else self._unasked(sent, self._target)
            return
        queries = {key: self._query(key, source) for key, source in sent.items() if self._lacks(key, source)}
        self._note(sent, queries)
        self._obtained |= sent
        refers = await run(partial(self._refers, self._target))
        if queries or refers:
            await self._fetch(self._target, sent, queries)

    def _not_obtained(self, keys: Set[str]) -> dict[str, Source]:
        return {key: self._sent(key) for key in self._templates if key in keys and key not in self._obtained}

    def _sent(self, key: str) -> Source:
        source = self._hook.prefetch[key]
        if key in self._not_served and not source.resources:
            return EMPTY
        if key == "patient":
            _require_same_patient(source, self._hook.patient_id, "prefetch.patient")
        return source

    def _lacks(self, key: str, source: Source) -> bool:
        return source.can_be_completed and key not in self._not_served

    def _unasked(self, sent: Mapping[str, Source], why: Closed) -> dict[str, Source]:
        return {
            key: msgspec.structs.replace(source, gap=why)
            if self._lacks(key, source) and (why in _UNUSABLE or not source.resources)
            else source
            for key, source in sent.items()
        }

    def _note(self, sent: Mapping[str, Source], queries: Mapping[str, FhirQuery]) -> None:
        """What came with the request and need not be asked for again."""
        for key, source in sent.items():
            if key not in queries or queries[key].before is not None:
                self._referring += [one for one in source.resources if type(one) in _REFERRING]
                self._referred += [one for one in source.resources if type(one) in _HOLDERS]

    def _refers(self, target: Target) -> bool:
        """Whether there is a reference to what nobody sent; what the client sent under other keys counts as sent."""
        held = self._held()
        for kind, keys in _HOLDERS.items():
            if unresolved(kind, held, target.base):
                came = [self._sent(key).resources for key in keys if key in self._templates]
                self._referred += [one for found in came for one in found if type(one) is kind]
        held = self._held()
        return any(unresolved(kind, held, target.base) for kind in REFERRING)

    def _held(self) -> list[fhir.Resource]:
        return [*self._referring, *self._referred]

    async def _fetch(self, target: Target, sent: Mapping[str, Source], queries: Mapping[str, FhirQuery]) -> None:
        assert self._grant is not None  # noqa: S101 - without it there is no target
        deadline, started = self._until(), monotonic()
        fetched = await self._grant.access.fetch(target, queries, self._held(), deadline=deadline)
        seconds = monotonic() - started
        if not self._asked.rounds:
            self._pace.took(target.base.url, seconds)
        self._asked.rounds.append(Round(self._stage, len(fetched), round(seconds * 1000, 2)))
        self._referred += [one for source in fetched.values() for one in source.resources if type(one) in _HOLDERS]
        self._referring = []
        completed = {key: _completed(sent[key], fetched[key], queries[key]) for key in queries}
        if "patient" in completed:
            _require_same_patient(completed["patient"], self._hook.patient_id, "fhirServer")
        for key, source in {**fetched, **completed}.items():
            before = self._obtained.get(key) if key == REFERENCES else None
            self._obtained[key] = _together(before, source) if before else source
            self._asked.fetched[key] = source.gap or "ok"

    def _until(self) -> Deadline:
        """The deadline of the request, which begins when its server is first to be asked."""
        assert self._grant is not None  # noqa: S101 - without it there is no target
        if self._deadline is None:
            granted = self._hook.fhir_authorization
            self._deadline = self._grant.access.deadline(granted.lifetime if granted else None)
        return self._deadline

    def _query(self, key: str, sent: Source) -> FhirQuery:
        """The template's own query, or only the further pages where the first came from the same server."""
        asked = query(self._templates[key])
        if sent.next_page and isinstance(self._target, Target) and self._target.base.within(sent.next_page):
            return msgspec.structs.replace(asked, address=sent.next_page, before=sent)
        return msgspec.structs.replace(asked, address=resolve(self._templates[key], self._hook.patient_id))


def _target(hook: HookRequest, grant: FhirGrant | None) -> Target | Closed | None:
    """The server to be asked, why it is not, or None where there is nothing to ask."""
    if grant is None or hook.fhir_server is None:
        return None
    return grant.target(hook.fhir_server, hook.access_token, authorized=hook.fhir_authorization is not None)


def _completed(sent: Source, fetched: Source, asked: FhirQuery) -> Source:
    """What the server added to what the client had in part; an answer of its own that is complete replaces it."""
    if asked.before is not None or fetched.gap is None:
        return fetched
    odd = (*sent.odd, *fetched.odd)
    return msgspec.structs.replace(fetched, resources=(*sent.resources, *fetched.resources), odd=odd)


def _together(first: Source, then: Source) -> Source:
    """What two rounds brought of what is referred to."""
    return Source((*first.resources, *then.resources), (*first.odd, *then.odd), gap=then.gap or first.gap)


def _require_same_patient(source: Source, patient_id: str, member: str) -> None:
    for resource in source.resources:
        if isinstance(resource, fhir.Patient) and resource.id is not None and resource.id != patient_id:
            raise ContractBroken(member, "The Patient is not the patient of the context.", code="invariant")
