"""A synthetic bulk export of any size: mostly ordinary charts, and among them the shipped patients with known cards.

Nobody in it exists. The same number and seed give the same bytes. Ordinary charts hold what no rule looks for, and much
that rules look at without finding anything: a drug or a diagnosis that needs a second one, codes of a house of its own.
They are short unless a number of results is asked for, which are then written in full, as an EHR of today does.
"""

from __future__ import annotations

import csv
import json
import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import IO, Any, TypeAlias

import msgspec

from cds_service.fhir.code_systems import ICD_10_CM, LOINC, RXNORM, SNOMED_CT, UCUM

Json: TypeAlias = dict[str, Any]
DAY = date(2026, 6, 15)
"""The day on which the planted findings hold."""
PLANTED = "planted.csv"
EVERY = 12
"""One of so many patients is a shipped one."""
_HTEST = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
_HOUSE = "urn:oid:2.16.840.1.113883.3.9999.1"
_NOT_EXPORTED = frozenset({"Bundle"})

_PROBLEMS = (
    (SNOMED_CT, "38341003", "Hypertensive disorder", 0.4, 40),
    (SNOMED_CT, "55822004", "Hyperlipidemia", 0.35, 40),
    (ICD_10_CM, "E11.9", "Type 2 diabetes mellitus without complications", 0.14, 35),
    (SNOMED_CT, "195967001", "Asthma", 0.08, 18),
    (SNOMED_CT, "235595009", "Gastroesophageal reflux disease", 0.15, 30),
    (ICD_10_CM, "M17.11", "Unilateral primary osteoarthritis, right knee", 0.2, 50),
    (SNOMED_CT, "40930008", "Hypothyroidism", 0.08, 30),
    (SNOMED_CT, "37796009", "Migraine", 0.1, 18),
    (ICD_10_CM, "J30.1", "Allergic rhinitis due to pollen", 0.15, 18),
    (SNOMED_CT, "49436004", "Atrial fibrillation", 0.06, 60),
    (ICD_10_CM, "F41.1", "Generalized anxiety disorder", 0.07, 18),
    (SNOMED_CT, "64859006", "Osteoporosis", 0.1, 60),
    (_HOUSE, "DX-4711", "Back pain", 0.2, 18),
)
_DRUGS = (
    (_HOUSE, "MED-0010", "lisinopril 10 MG Oral Tablet", 0.2, 40),
    (_HOUSE, "MED-0020", "amlodipine 5 MG Oral Tablet", 0.15, 40),
    (RXNORM, "617310", "atorvastatin 20 MG Oral Tablet", 0.25, 40),
    (_HOUSE, "MED-0040", "metformin hydrochloride 500 MG Oral Tablet", 0.12, 35),
    (RXNORM, "198051", "omeprazole 20 MG Delayed Release Oral Capsule", 0.12, 30),
    (_HOUSE, "MED-0060", "levothyroxine sodium 0.075 MG Oral Tablet", 0.08, 30),
    (RXNORM, "36437", "sertraline", 0.06, 18),
    (RXNORM, "321988", "escitalopram", 0.05, 18),
    (_HOUSE, "MED-0090", "loratadine 10 MG Oral Tablet", 0.1, 18),
)
_LABS = (
    ("2951-2", "Sodium", "mmol/L", 136.0, 144.0),
    ("2823-3", "Potassium", "mmol/L", 3.6, 5.0),
    ("2345-7", "Glucose", "mg/dL", 75.0, 140.0),
    ("2160-0", "Creatinine", "mg/dL", 0.6, 1.1),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", 105.0, 150.0),
    ("8462-4", "Diastolic blood pressure", "mm[Hg]", 60.0, 95.0),
    ("29463-7", "Body weight", "kg", 50.0, 110.0),
    ("718-7", "Hemoglobin", "g/dL", 12.0, 16.5),
    ("4548-4", "Hemoglobin A1c", "%", 4.8, 7.2),
    ("13457-7", "LDL cholesterol", "mg/dL", 60.0, 160.0),
    ("6690-2", "Leukocytes", "10*3/uL", 4.0, 10.5),
    ("777-3", "Platelets", "10*3/uL", 150.0, 400.0),
)
EVERYDAY_RESULTS = (
    ("8302-2", "Body height", "cm", 150, 195),
    ("39156-5", "Body mass index", "kg/m2", 18, 38),
    ("8867-4", "Heart rate", "/min", 52, 110),
    ("9279-1", "Respiratory rate", "/min", 10, 24),
    ("8310-5", "Body temperature", "Cel", 36, 39),
    ("2708-6", "Oxygen saturation", "%", 90, 100),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", 95, 175),
    ("8462-4", "Diastolic blood pressure", "mm[Hg]", 55, 100),
    ("718-7", "Hemoglobin", "g/dL", 9, 17),
    ("4544-3", "Hematocrit", "%", 30, 50),
    ("6690-2", "White blood cells", "10*3/uL", 3, 13),
    ("789-8", "Red blood cells", "10*6/uL", 3, 6),
    ("777-3", "Platelets", "10*3/uL", 120, 420),
    ("787-2", "Mean red cell volume", "fL", 78, 101),
    ("2823-3", "Potassium", "mmol/L", 3, 6),
    ("2075-0", "Chloride", "mmol/L", 95, 110),
    ("2028-9", "Carbon dioxide", "mmol/L", 20, 31),
    ("3094-0", "Urea nitrogen", "mg/dL", 6, 30),
    ("1975-2", "Bilirubin, total", "mg/dL", 0, 2),
    ("2885-2", "Protein, total", "g/dL", 5, 9),
    ("1751-7", "Albumin", "g/dL", 3, 5),
    ("2093-3", "Cholesterol", "mg/dL", 120, 280),
    ("2571-8", "Triglycerides", "mg/dL", 50, 300),
    ("2085-9", "HDL cholesterol", "mg/dL", 30, 90),
    ("4548-4", "Hemoglobin A1c", "%", 4, 10),
    ("5902-2", "Prothrombin time", "s", 10, 16),
    ("2276-4", "Ferritin", "ng/mL", 10, 300),
    ("1988-5", "C-reactive protein", "mg/L", 0, 40),
)
"""Of codes that no rule reads."""
_VITAL_SIGNS = frozenset(("8302-2", "39156-5", "8867-4", "9279-1", "8310-5", "2708-6", "8480-6", "8462-4", "29463-7"))
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core"
_CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
_LABORATORY = ("observation-lab", "laboratory", "Laboratory")
_VITAL_SIGN = ("vital-signs", "vital-signs", "Vital signs")
_MOST_LABS, _YEARS = 90, 4


class Planted(msgspec.Struct, frozen=True):
    """A card that is to be found."""

    patient: str
    hook: str
    rules: tuple[str, ...]
    indicator: str


def write_demo(
    number: int, out: Path, examples: Path, seed: int = 1, every: int = EVERY, results: int = 0
) -> list[Planted]:
    """Writes an export of so many patients, a file for each type, and beside it what is planted.

    Ordinary charts have so many ``results`` on an average, or few and short ones.
    """
    out.mkdir(parents=True, exist_ok=True)
    planted: list[Planted] = []
    shipped = _Shipped(examples)
    with ExitStack() as stack:
        files: dict[str, IO[str]] = {}
        for place in range(number):
            name = f"demo-{place:0{len(str(number))}}"
            if place % every == every // 2:
                resources, expected = shipped.as_patient(place // every, name)
            else:
                rng = random.Random(f"{seed}/{place}")  # noqa: S311 - nothing secret
                resources, expected = list(_Ordinary(rng, name, results).resources()), ()
            planted += expected
            for resource in resources:
                kind = resource["resourceType"]
                if kind not in files:
                    files[kind] = stack.enter_context((out / f"{kind}.ndjson").open("w", encoding="utf-8"))
                files[kind].write(json.dumps(resource, separators=(",", ":"), ensure_ascii=False) + "\n")
    _write_planted(out / PLANTED, planted)
    return planted


def _write_planted(path: Path, planted: Sequence[Planted]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("patient", "hook", "rules", "indicator"))
        rows.writerows((one.patient, one.hook, " ".join(one.rules), one.indicator) for one in planted)


class _Shipped:
    """The shipped patients, alone and with each order that is signed about them in the shipped requests."""

    def __init__(self, examples: Path) -> None:
        expected = tomllib.loads((examples / "expected.toml").read_text(encoding="utf-8"))
        self._bundles = {path.stem: _read(path) for path in sorted((examples / "patients").glob("*.json"))}
        self._variants: list[tuple[str, Sequence[Json], Mapping[str, Sequence[Json]]]] = []
        for name in self._bundles:
            seen = {"patient-view": expected["patients"][name]["cards"]}
            self._variants.append((name, (), seen))
            for request, told in expected["requests"].items():
                drafts = _drafts(examples / "requests" / f"{request}.json") if told["patient"] == name else ()
                if drafts:
                    self._variants.append((name, drafts, seen | {"order-sign": told["cards"]}))

    def as_patient(self, place: int, name: str) -> tuple[Sequence[Json], Sequence[Planted]]:
        """The one whose turn it is, under another name."""
        of, drafts, expected = self._variants[place % len(self._variants)]
        resources = [entry["resource"] for entry in self._bundles[of]["entry"]]
        renamed = [_renamed(one, of, name) for one in (*resources, *drafts)]
        found = [
            Planted(name, hook, tuple(card["rules"]), card["indicator"])
            for hook, cards in expected.items()
            for card in cards
        ]
        return [one for one in renamed if one["resourceType"] not in _NOT_EXPORTED], found


def _read(path: Path) -> Json:
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _drafts(path: Path) -> Sequence[Json]:
    """The drafts of a request at signing, as the orders that they became; what is stopped is no new order."""
    request = _read(path)
    if request["hook"] != "order-sign":
        return ()
    drafts = [entry["resource"] for entry in request["context"]["draftOrders"]["entry"]]
    is_new = all(one.get("status") == "draft" and one.get("authoredOn") for one in drafts)
    return [one | {"status": "active"} for one in drafts] if is_new else ()


def _renamed(value: Any, of: str, name: str) -> Any:
    """The same about the patient of another name; ids and references change with it."""
    if isinstance(value, list):
        return [_renamed(one, of, name) for one in value]
    if isinstance(value, dict):
        changed = {key: one if key == "contained" else _renamed(one, of, name) for key, one in value.items()}
        if "resourceType" in changed and not changed["id"].startswith(name):
            changed["id"] = f"{name}-{changed['id']}"
        return changed
    if isinstance(value, str) and (value == of or value.startswith(f"{of}-")):
        return name + value.removeprefix(of)
    if isinstance(value, str) and "/" in value and value.partition("/")[2].startswith(of):
        kind, _, rest = value.partition("/")
        return f"{kind}/{name}{rest.removeprefix(of)}"
    return value


class _Ordinary:
    """An adult in whom nothing is to be found."""

    def __init__(self, rng: random.Random, name: str, results: int) -> None:
        self._rng, self._name, self._wanted = rng, name, results
        self._age = min(93, max(19, round(rng.gauss(53, 18))))
        self._count = 0
        self._visited: list[tuple[str, str]] = []
        """The encounters and their days."""

    def resources(self) -> Iterator[Json]:
        born = DAY - timedelta(days=self._age * 365 + self._rng.randrange(1, 365))
        sex = self._rng.choice(("female", "male"))
        yield self._made("Patient", id=self._name, gender=sex, birthDate=born.isoformat())
        yield from self._conditions()
        yield from self._visits()
        yield from self._orders()
        yield from self._full_results() if self._wanted else self._results()

    def _made(self, kind: str, **members: Any) -> Json:
        self._count += 1
        made: Json = {"resourceType": kind, "id": f"{self._name}-{self._count}", "meta": {"security": [_HTEST]}}
        if kind != "Patient":
            made["subject"] = {"reference": f"Patient/{self._name}"}
        return made | members

    def _day(self) -> str:
        return (DAY - timedelta(days=self._rng.randrange(1, _YEARS * 365))).isoformat()

    def _conditions(self) -> Iterator[Json]:
        status = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
        for system, code, text, share, from_age in _PROBLEMS:
            if self._age >= from_age and self._rng.random() < share:
                members = {"code": _concept(system, code, text), "recordedDate": self._day()}
                yield self._made("Condition", clinicalStatus=status, **members)

    def _visits(self) -> Iterator[Json]:
        for _ in range(self._rng.randrange(1, 9)):
            day = self._day()
            kind = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
            visit = self._made("Encounter", status="finished", **{"class": kind}, period={"start": day, "end": day})
            self._visited.append((visit["id"], day))
            yield visit

    def _orders(self) -> Iterator[Json]:
        for system, code, text, share, from_age in _DRUGS:
            if self._age >= from_age and self._rng.random() < share:
                written = DAY.isoformat() if self._rng.random() < 0.05 else self._day()
                status = self._rng.choices(("active", "completed"), (0.8, 0.2))[0]
                drug = _concept(system, code, text)
                members = {"medicationCodeableConcept": drug, "authoredOn": written}
                yield self._made("MedicationRequest", status=status, intent="order", **members)

    def _results(self) -> Iterator[Json]:
        for _ in range(self._rng.randrange(10, _MOST_LABS)):
            code, text, unit, low, high = self._rng.choice(_LABS)
            quantity = {"value": round(self._rng.uniform(low, high), 1), "unit": unit, "code": unit}
            members = {
                "code": _concept(LOINC, code, text),
                "effectiveDateTime": self._day(),
                "valueQuantity": quantity,
            }
            yield self._made("Observation", status="final", **members)

    def _full_results(self) -> Iterator[Json]:
        for _ in range(self._rng.randint(self._wanted - self._wanted // 2, self._wanted + self._wanted // 2)):
            code, text, unit, low, high = self._rng.choice((*_LABS, *EVERYDAY_RESULTS))
            visit, day = self._rng.choice(self._visited)
            value = round(self._rng.uniform(low, high), 1)
            at = f"{day}T{self._rng.randint(7, 18):02}:{self._rng.randint(0, 59):02}"
            profile, kind, name = _VITAL_SIGN if code in _VITAL_SIGNS else _LABORATORY
            members = {
                "meta": {"profile": [f"{_US_CORE}-{profile}"], "security": [_HTEST]},
                "category": [{"coding": [{"system": _CATEGORIES, "code": kind, "display": name}], "text": name}],
                "code": _concept(LOINC, code, text),
                "encounter": {"reference": f"Encounter/{visit}"},
                "effectiveDateTime": f"{at}:00-05:00",
                "issued": f"{at}:31.250-05:00",
                "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit},
            }
            yield self._made("Observation", status="final", **members)


def _concept(system: str, code: str, text: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}
