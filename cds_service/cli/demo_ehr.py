"""A tiny FHIR server for demonstrations: the shipped patients, to be read and searched as the services ask for them.

The public CDS Hooks Sandbox can be pointed at it. It is no EHR: it checks nobody, keeps nothing and knows no search
but those of our own prefetch templates.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cds_service import __version__

Json: TypeAlias = dict[str, Any]
Matches: TypeAlias = Callable[[Json, str], bool]

ROOT = "/fhir"
_PAGE = 50
_LONGEST_PAGE = 500
_ABOUT_PAGES = frozenset({"_count", "_page", "_format", "_sort"})


class Patients:
    """All resources of the patients' Bundles, by type and id, in the order of the Bundles."""

    def __init__(self, bundles: Iterable[Json]) -> None:
        self.by_type: dict[str, dict[str, Json]] = {}
        for bundle in bundles:
            for entry in bundle["entry"]:
                resource = entry["resource"]
                self.by_type.setdefault(resource["resourceType"], {})[resource["id"]] = resource

    @classmethod
    def of(cls, folder: Path) -> Patients:
        return cls(json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json")))

    def search(self, kind: str, asked: Iterable[tuple[str, str]]) -> list[Json]:
        """The resources that meet every condition; KeyError names one that is not supported."""
        conditions = [(_SEARCHES[name], value) for name, value in asked]
        return [one for one in self.by_type.get(kind, {}).values() if all(meets(one, v) for meets, v in conditions)]


def application(patients: Patients) -> Starlette:
    """The server of these patients; pages of any browser may ask it."""
    server = _Server(patients)
    return Starlette(
        routes=[
            Route(f"{ROOT}/metadata", server.metadata),
            Route(f"{ROOT}/{{kind}}", server.search),
            Route(f"{ROOT}/{{kind}}/_search", server.search, methods=["POST"]),
            Route(f"{ROOT}/{{kind}}/{{name}}", server.read),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "POST", "OPTIONS"],
                allow_headers=["*"],
                allow_private_network=True,
            )
        ],
    )


class _Server:
    def __init__(self, patients: Patients) -> None:
        self._patients = patients

    async def metadata(self, request: Request) -> Response:
        return _answer(request, _capabilities(self._patients))

    async def read(self, request: Request) -> Response:
        found = self._patients.by_type.get(request.path_params["kind"], {}).get(request.path_params["name"])
        return _answer(request, found) if found else _refusal(request, 404, "not-found", "There is no such resource.")

    async def search(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in self._patients.by_type and kind not in _TYPES:
            return _refusal(request, 404, "not-supported", f"{kind} is not served.")
        asked = [*request.query_params.multi_items()]
        if request.method == "POST":
            asked += parse_qsl((await request.body()).decode())
        try:
            found = self._patients.search(kind, [one for one in asked if one[0] not in _ABOUT_PAGES])
        except KeyError as unknown:
            return _refusal(request, 400, "not-supported", f"The search parameter {unknown} is not supported.")
        return _answer(request, _page(f"{_base(request)}/{kind}", asked, found))


def _page(address: str, asked: list[tuple[str, str]], found: list[Json]) -> Json:
    wanted = dict(asked)
    count, number = _number(wanted.get("_count"), _PAGE), _number(wanted.get("_page"), 1)
    here = found[(number - 1) * count : number * count]
    links = [{"relation": "self", "url": f"{address}?{urlencode(asked)}"}]
    if number * count < len(found):
        further = [*((name, value) for name, value in asked if name != "_page"), ("_page", str(number + 1))]
        links.append({"relation": "next", "url": f"{address}?{urlencode(further)}"})
    base = address.rpartition("/")[0]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
    if here:
        bundle["entry"] = [
            {"fullUrl": f"{base}/{_reference(one)}", "resource": one, "search": {"mode": "match"}} for one in here
        ]
    return bundle


def _number(text: str | None, usual: int) -> int:
    number = int(text) if text and text.isdecimal() else usual
    return min(max(number, 1), _LONGEST_PAGE)


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{ROOT}"


def _reference(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _answer(request: Request, resource: Json, status: int = 200) -> Response:
    # The public sandbox asks for the name that the media type had before it was registered.
    old = "application/json+fhir" in request.headers.get("accept", "")
    kind = "application/json+fhir" if old else "application/fhir+json"
    return Response(json.dumps(resource, ensure_ascii=False), status, media_type=kind)


def _refusal(request: Request, status: int, code: str, text: str) -> Response:
    issue = {"severity": "error", "code": code, "details": {"text": text}}
    return _answer(request, {"resourceType": "OperationOutcome", "issue": [issue]}, status)


def _subject(resource: Json, wanted: str) -> bool:
    owner = resource.get("subject") or resource.get("patient") or resource.get("for") or {}
    return bool(owner.get("reference") == f"Patient/{wanted.removeprefix('Patient/')}")


def _token(member: str) -> Matches:
    def meets(resource: Json, wanted: str) -> bool:
        held = set(_tokens(resource.get(member)))
        return not held.isdisjoint(wanted.split(","))

    return meets


def _tokens(concepts: Any) -> Iterator[str]:
    """Each code alone and with its system before it."""
    for concept in concepts if isinstance(concepts, list) else [concepts or {}]:
        for coding in concept.get("coding", ()):
            yield coding.get("code", "")
            yield f"{coding.get('system', '')}|{coding.get('code', '')}"


def _plain(member: str) -> Matches:
    return lambda resource, wanted: resource.get(member) in wanted.split(",")


_SEARCHES: Mapping[str, Matches] = {
    "_id": _plain("id"),
    "patient": _subject,
    "subject": _subject,
    "status": _plain("status"),
    "questionnaire": _plain("questionnaire"),
    "code": _token("code"),
    "category": _token("category"),
}
"""The search parameters of the prefetch templates."""

_TYPES = (
    "AdverseEvent",
    "AllergyIntolerance",
    "CarePlan",
    "Condition",
    "DiagnosticReport",
    "Encounter",
    "Medication",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Patient",
    "Procedure",
    "QuestionnaireResponse",
    "ServiceRequest",
    "Task",
)
"""The types that the services ask for, whether there are any or not."""


def _capabilities(patients: Patients) -> Json:
    """What this server can, as a CapabilityStatement."""
    interactions = [{"code": "read"}, {"code": "search-type"}]
    types = sorted({*_TYPES, *patients.by_type})
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "experimental": True,
        "date": "2026-11-20",
        "kind": "instance",
        "software": {"name": "rbd-cds demonstration server", "version": __version__},
        "implementation": {"description": "Synthetic patients for demonstrations; read-only, without login."},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": [{"type": one, "interaction": interactions} for one in types]}],
    }
