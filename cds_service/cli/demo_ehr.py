"""A tiny FHIR server for demonstrations: the shipped patients, to be read and searched as the services ask for them.

The public CDS Hooks Sandbox can be pointed at it. It is no EHR: it checks nobody and keeps nothing. What it does answer
it answers as real servers do, so that nothing works here that would fail there: short pages unless longer ones are
asked for, parameters that only their own types have, and a refusal of all others.
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
_PAGE = 20
_LONGEST_PAGE = 200
_ABOUT_PAGES = frozenset({"_count", "_page", "_format", "_sort"})
_LENIENT = "handling=lenient"


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
        """The resources that meet every condition; one without a value is none."""
        known = parameters(kind)
        conditions = [(known[name][1], value) for name, value in asked if value]
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
        if kind not in self._patients.by_type and kind not in _HELD_BY:
            return _refusal(request, 404, "not-supported", f"{kind} is not served.")
        asked = [*request.query_params.multi_items()]
        if request.method == "POST":
            asked += parse_qsl((await request.body()).decode())
        known = {*parameters(kind), *_ABOUT_PAGES}
        unknown = sorted({name for name, _ in asked} - known)
        if unknown and _LENIENT not in request.headers.get("prefer", ""):
            text = f"Unknown search parameter {unknown[0]!r} for {kind}. It has: {', '.join(sorted(known))}."
            return _refusal(request, 400, "not-supported", text)
        asked = [one for one in asked if one[0] in known]
        found = self._patients.search(kind, [one for one in asked if one[0] not in _ABOUT_PAGES])
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
    """``code`` in any system, ``system|code``, ``system|`` for any code of it and ``|code`` without one."""

    def meets(resource: Json, wanted: str) -> bool:
        held = set(_tokens(resource.get(member)))
        return not held.isdisjoint(wanted.split(","))

    return meets


def _tokens(concepts: Any) -> Iterator[str]:
    for concept in concepts if isinstance(concepts, list) else [concepts or {}]:
        for coding in concept.get("coding", ()):
            system, code = coding.get("system", ""), coding.get("code", "")
            yield from (code, f"{system}|{code}", f"{system}|")


def _plain(member: str) -> Matches:
    return lambda resource, wanted: resource.get(member) in wanted.split(",")


def _canonical(member: str) -> Matches:
    """The whole address, and the version where the search names one."""

    def meets(resource: Json, wanted: str) -> bool:
        held = resource.get(member, "")
        return any(held == one or held.partition("|")[0] == one for one in wanted.split(","))

    return meets


_ID = {"_id": ("token", _plain("id"))}
_PARAMETERS: Mapping[str, tuple[str, Matches]] = {
    "patient": ("reference", _subject),
    "subject": ("reference", _subject),
    "status": ("token", _plain("status")),
    "questionnaire": ("reference", _canonical("questionnaire")),
    "code": ("token", _token("code")),
    "category": ("token", _token("category")),
}
"""The search parameters that this server knows, each with its type."""

_HELD_BY = {
    "AdverseEvent": "subject category",
    "AllergyIntolerance": "patient code",
    "CarePlan": "patient subject status category",
    "Condition": "patient subject code category",
    "DiagnosticReport": "patient subject status code category",
    "Encounter": "patient subject status",
    "Medication": "status code",
    "MedicationDispense": "patient subject status",
    "MedicationRequest": "patient subject status",
    "MedicationStatement": "patient subject status category",
    "Observation": "patient subject status code category",
    "Patient": "",
    "Procedure": "patient subject status code category",
    "QuestionnaireResponse": "patient subject status questionnaire",
    "ServiceRequest": "patient subject status code category",
    "Task": "patient subject status code",
}
"""Which types have which of them in FHIR R4: the types that the services ask for, whether there are any or not."""


def parameters(kind: str) -> Mapping[str, tuple[str, Matches]]:
    """The search parameters of a type, each with its type and what it does."""
    return _ID | {name: _PARAMETERS[name] for name in _HELD_BY.get(kind, "").split()}


def _capabilities(patients: Patients) -> Json:
    """What this server can, as a CapabilityStatement."""
    rest = {
        "mode": "server",
        "security": {"cors": True, "description": "Open to everyone on this machine: synthetic patients only."},
        "resource": [_capability(kind) for kind in sorted({*_HELD_BY, *patients.by_type})],
    }
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
        "rest": [rest],
    }


def _capability(kind: str) -> Json:
    return {
        "type": kind,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": name, "type": of} for name, (of, _) in parameters(kind).items()],
    }
