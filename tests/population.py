"""Ordinary adult charts, generated from a seed: what a general practice sees, without RBD and without myoclonus.

Shares are rough US figures by age; nothing here is anybody's record.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.charts import ICD10, LOINC, RXNORM, SNOMED, TODAY, coded, named

Json = dict[str, Any]

APNEA = coded(SNOMED, "78275009", "Obstructive sleep apnea syndrome")
PROBLEMS: list[tuple[Json, float, int]] = [
    # what, share of those who are old enough, from this age on
    (coded(SNOMED, "38341003", "Hypertensive disorder"), 0.45, 35),
    (coded(SNOMED, "55822004", "Hyperlipidemia"), 0.35, 35),
    (coded(ICD10, "E11.9", "Type 2 diabetes mellitus without complications"), 0.14, 30),
    (coded(SNOMED, "414916001", "Obesity"), 0.3, 18),
    (coded(SNOMED, "35489007", "Depressive disorder"), 0.1, 18),
    (coded(ICD10, "F41.1", "Generalized anxiety disorder"), 0.07, 18),
    (coded(SNOMED, "371631005", "Panic disorder"), 0.02, 18),
    (coded(SNOMED, "195967001", "Asthma"), 0.08, 18),
    (coded(SNOMED, "235595009", "Gastroesophageal reflux disease"), 0.15, 30),
    (coded(ICD10, "M17.11", "Unilateral primary osteoarthritis, right knee"), 0.2, 50),
    (named("Low back pain"), 0.2, 18),
    (coded(SNOMED, "40930008", "Hypothyroidism"), 0.08, 30),
    (coded(ICD10, "N18.31", "Chronic kidney disease, stage 3a"), 0.08, 60),
    (coded(ICD10, "N18.4", "Chronic kidney disease, stage 4 (severe)"), 0.01, 60),
    (coded(SNOMED, "13645005", "Chronic obstructive lung disease"), 0.07, 50),
    (coded(SNOMED, "49436004", "Atrial fibrillation"), 0.06, 60),
    (coded(SNOMED, "53741008", "Coronary arteriosclerosis"), 0.1, 55),
    (coded(ICD10, "G47.00", "Insomnia, unspecified"), 0.1, 18),
    (APNEA, 0.08, 35),
    (coded(SNOMED, "37796009", "Migraine"), 0.1, 18),
    (coded(SNOMED, "26929004", "Alzheimer's disease"), 0.05, 70),
    (coded(ICD10, "F03.90", "Unspecified dementia without behavioral disturbance"), 0.04, 70),
    (coded(SNOMED, "386805003", "Mild cognitive impairment"), 0.05, 65),
    (coded(ICD10, "R29.6", "Repeated falls"), 0.04, 65),
    (coded(ICD10, "W01.0XXA", "Fall on same level from slipping"), 0.05, 60),
    (coded(SNOMED, "64859006", "Osteoporosis"), 0.12, 60),
    (coded(SNOMED, "84757009", "Epilepsy"), 0.01, 18),
    (coded(SNOMED, "49049000", "Parkinson's disease"), 0.01, 60),
    (coded(ICD10, "I63.9", "Cerebral infarction, unspecified"), 0.03, 55),
    (coded(SNOMED, "32914008", "Restless legs"), 0.03, 30),
    (coded(ICD10, "G47.61", "Periodic limb movement disorder"), 0.005, 40),
    (coded(SNOMED, "47505003", "Posttraumatic stress disorder"), 0.03, 18),
    (coded(ICD10, "F10.20", "Alcohol dependence, uncomplicated"), 0.04, 18),
    (coded(SNOMED, "61582004", "Allergic rhinitis"), 0.15, 18),
    (coded(ICD10, "K59.00", "Constipation, unspecified"), 0.06, 18),
    (coded(ICD10, "I95.1", "Orthostatic hypotension"), 0.02, 65),
    (coded(ICD10, "F51.5", "Nightmare disorder"), 0.01, 18),
    (coded(ICD10, "R06.83", "Snoring"), 0.05, 30),
    (coded(ICD10, "Z82.0", "Family history of epilepsy and other diseases of the nervous system"), 0.04, 18),
    (coded(SNOMED, "160903007", "Full-time employment"), 0.5, 18),
    (named("Father Alive 70y Low blood pressure @ 50"), 0.02, 18),
    (named("Mother: Alzheimer's disease"), 0.04, 30),
    (named("No current problems"), 0.02, 18),
    (named("Trouble falling asleep"), 0.05, 18),
]

DRUGS: list[tuple[str, str | None, float, int]] = [
    # name, RxNorm ingredient where a value set knows it, share, from this age on
    ("lisinopril 10 MG Oral Tablet", None, 0.2, 35),
    ("amlodipine 5 MG Oral Tablet", None, 0.15, 40),
    ("atorvastatin 20 MG Oral Tablet", None, 0.25, 40),
    ("metformin hydrochloride 500 MG Oral Tablet", None, 0.1, 30),
    ("omeprazole 20 MG Delayed Release Oral Capsule", None, 0.12, 30),
    ("levothyroxine sodium 0.075 MG Oral Tablet", None, 0.08, 30),
    ("metoprolol tartrate 25 MG Oral Tablet", "6918", 0.08, 50),
    ("hydrochlorothiazide 25 MG Oral Tablet", None, 0.1, 40),
    ("ibuprofen 600 MG Oral Tablet", None, 0.1, 18),
    ("albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", None, 0.08, 18),
    ("sertraline 50 MG Oral Tablet", "36437", 0.06, 18),
    ("escitalopram 10 MG Oral Tablet", "321988", 0.05, 18),
    ("fluoxetine 20 MG Oral Capsule", "4493", 0.03, 18),
    ("duloxetine 30 MG Delayed Release Oral Capsule", "72625", 0.03, 18),
    ("venlafaxine 75 MG Extended Release Oral Capsule", "39786", 0.02, 18),
    ("bupropion hydrochloride 150 MG Extended Release Oral Tablet", "42347", 0.03, 18),
    ("trazodone hydrochloride 50 MG Oral Tablet", "10737", 0.04, 18),
    ("mirtazapine 15 MG Oral Tablet", "15996", 0.015, 18),
    ("amitriptyline hydrochloride 25 MG Oral Tablet", "704", 0.015, 18),
    ("gabapentin 300 MG Oral Capsule", "25480", 0.06, 40),
    ("tramadol hydrochloride 50 MG Oral Tablet", "10689", 0.02, 40),
    ("oxycodone hydrochloride 5 MG Oral Tablet", "7804", 0.02, 40),
    ("lorazepam 0.5 MG Oral Tablet", None, 0.02, 18),
    ("clonazepam 0.5 MG Oral Tablet", "2598", 0.008, 18),
    ("zolpidem tartrate 5 MG Oral Tablet", None, 0.03, 30),
    ("melatonin 3 MG Oral Tablet", "6711", 0.03, 18),
    ("donepezil hydrochloride 10 MG Oral Tablet", "135447", 0.02, 70),
    ("carbidopa 25 MG / levodopa 100 MG Oral Tablet", None, 0.008, 60),
    ("levetiracetam 500 MG Oral Tablet", "114477", 0.008, 18),
    ("loratadine 10 MG Oral Tablet", None, 0.1, 18),
]

LABS = [
    (coded(LOINC, "2160-0", "Creatinine"), "mg/dL", 0.6, 1.3),
    (coded(LOINC, "98979-8", "eGFR"), "mL/min/{1.73_m2}", 50, 110),
    (coded(LOINC, "2951-2", "Sodium"), "mmol/L", 135, 145),
    (coded(LOINC, "2823-3", "Potassium"), "mmol/L", 3.6, 5),
    (coded(LOINC, "2345-7", "Glucose"), "mg/dL", 75, 160),
    (coded(LOINC, "17861-6", "Calcium"), "mg/dL", 8.6, 10.2),
    (coded(LOINC, "29463-7", "Body weight"), "kg", 50, 120),
    (coded(LOINC, "8480-6", "Systolic blood pressure"), "mm[Hg]", 105, 155),
    (coded(LOINC, "4548-4", "Hemoglobin A1c"), "%", 5, 8),
    (coded(LOINC, "44261-6", "PHQ-9 total score"), "{score}", 0, 12),
]

ORDINARY_ORDERS: list[Json] = [
    named("amoxicillin 500 MG Oral Capsule"),
    named("atorvastatin 40 MG Oral Tablet"),
    named("lisinopril 20 MG Oral Tablet"),
    named("ibuprofen 600 MG Oral Tablet"),
    named("prednisone 20 MG Oral Tablet"),
    coded(RXNORM, "36437", "sertraline"),
    coded(RXNORM, "321988", "escitalopram"),
    coded(RXNORM, "10737", "trazodone"),
    coded(RXNORM, "6711", "melatonin"),
    coded(RXNORM, "25480", "gabapentin"),
    coded(RXNORM, "42347", "bupropion"),
]
ORDINARY_REQUESTS = [named("Complete blood count"), named("Chest X-ray"), named("Lipid panel"), named("Mammography")]


_NEVER_CLEANED = 0.3
"""Of the drugs of a list, those of which an old entry still counts as active."""
_STALE_DAYS = 740


class Chart:
    """One adult, with the resources that a client would send."""

    def __init__(self, rng: random.Random, number: int) -> None:
        self._rng = rng
        self.id = f"person-{number}"
        self.age = min(95, max(18, round(rng.gauss(52, 18))))
        born = TODAY - timedelta(days=self.age * 365 + rng.randrange(365))
        sex = rng.choice(["female", "male"])
        self.patient = {"resourceType": "Patient", "id": self.id, "birthDate": born.isoformat(), "gender": sex}
        self._count = 0
        self.held: dict[str, list[Json]] = {}
        self.held["conditions"] = list(self._conditions())
        self.held["medicationRequests"] = list(self._drugs())
        self.held["medicationDispenses"] = list(self._dispensed())
        self.held["observations"] = [*self._labs(), *self._asked()]
        self.held["encounters"] = list(self._visits())
        self.held["procedures"] = list(self._procedures())

    def _made(self, kind: str, **members: Any) -> Json:
        self._count += 1
        return {"resourceType": kind, "id": f"{self.id}-{self._count}", "subject": self._me, **members}

    @property
    def _me(self) -> Json:
        return {"reference": f"Patient/{self.id}"}

    def _day(self, years: float) -> str:
        return (TODAY - timedelta(days=self._rng.randrange(int(years * 365)))).isoformat()

    def _conditions(self) -> Iterator[Json]:
        rng = self._rng
        for code, share, from_age in PROBLEMS:
            if self.age >= from_age and rng.random() < share:
                clinical = rng.choices(["active", "resolved", None], [0.85, 0.1, 0.05])[0]
                status = {"clinicalStatus": {"coding": [{"code": clinical}]}} if clinical else {}
                dated = {"onsetDateTime": self._day(8)} if rng.random() < 0.9 else {"recordedDate": self._day(8)}
                yield from (
                    self._made("Condition", code=code, **status, **dated) for _ in range(1 + (rng.random() < 0.1))
                )

    def _drugs(self) -> Iterator[Json]:
        rng = self._rng
        for name, ingredient, share, from_age in DRUGS:
            if self.age >= from_age and rng.random() < share * 1.5:
                status = rng.choices(["active", "stopped", "completed"], [0.65, 0.15, 0.2])[0]
                drug = coded(RXNORM, ingredient, name.split()[0], text=name) if ingredient else named(name)
                members = {"medicationCodeableConcept": drug, "authoredOn": self._day(3)}
                yield self._made("MedicationRequest", status=status, intent="order", **members)
                if rng.random() < _NEVER_CLEANED:
                    yield self._made("MedicationRequest", status="active", intent="order", **self._old(drug))

    def _old(self, drug: Json) -> Json:
        """An entry that nobody took off the list."""
        authored = TODAY - timedelta(days=self._rng.randrange(_STALE_DAYS, 15 * 365))
        return {"medicationCodeableConcept": drug, "authoredOn": authored.isoformat()}

    def _labs(self) -> Iterator[Json]:
        for _ in range(self._rng.randrange(3, 40)):
            code, unit, low, high = self._rng.choice(LABS)
            quantity = {"value": round(self._rng.uniform(low, high), 1), "unit": unit}
            members = {"code": code, "effectiveDateTime": self._day(3), "valueQuantity": quantity}
            yield self._made("Observation", status="final", **members)

    def _asked(self) -> Iterator[Json]:
        """What older people are asked, and what is measured in those with apnea."""
        rng, old = self._rng, self.age >= 65
        scores = [
            (coded(LOINC, "72172-0", "Total score MoCA"), "{score}", rng.randint(18, 30), 0.1 if old else 0),
            (
                coded(LOINC, "59460-6", "Fall risk total Morse Fall Scale"),
                "{score}",
                rng.randrange(0, 80, 5),
                0.1 if old else 0,
            ),
            (coded(LOINC, "44259-0", "Trouble falling or staying asleep"), "{score}", rng.randint(0, 3), 0.2),
            (coded(LOINC, "69990-0", "Apnea hypopnea index"), "/h", rng.randint(1, 40), 0.04),
        ]
        for code, unit, value, share in scores:
            if rng.random() < share:
                quantity = {"value": value, "unit": unit}
                members = {"code": code, "effectiveDateTime": self._day(3), "valueQuantity": quantity}
                yield self._made("Observation", status="final", **members)
        if old and rng.random() < 0.3:
            falls = coded(LOINC, "52552-7", "Falls in the past year")
            members = {"code": falls, "effectiveDateTime": self._day(2), "valueBoolean": rng.random() < 0.2}
            yield self._made("Observation", status="final", **members)

    def _dispensed(self) -> Iterator[Json]:
        for one in self.held["medicationRequests"]:
            if self._rng.random() < 0.3:
                members = {"medicationCodeableConcept": one["medicationCodeableConcept"], "daysSupply": {"value": 30}}
                yield self._made("MedicationDispense", status="completed", whenHandedOver=self._day(2), **members)

    def _visits(self) -> Iterator[Json]:
        for _ in range(self._rng.randrange(1, 8)):
            reason = named(self._rng.choice(["Routine check", "Cough", "Knee pain", "Medication refill", "Headache"]))
            yield self._made("Encounter", status="finished", period={"start": self._day(2)}, reasonCode=[reason])

    def _procedures(self) -> Iterator[Json]:
        done = [
            "Colonoscopy",
            "Mammography",
            "Appendectomy",
            "Assessment using Morse Fall Scale",
            "Depression screening",
        ]
        for name in self._rng.sample(done, self._rng.randrange(3)):
            yield self._made("Procedure", status="completed", code=named(name), performedDateTime=self._day(5))
        if any(one["code"] == APNEA for one in self.held["conditions"]) and self._rng.random() < 0.6:
            cpap = coded(SNOMED, "47545007", "Continuous positive airway pressure ventilation treatment")
            yield self._made("Procedure", status="completed", code=cpap, performedDateTime=self._day(0.9))

    def request(self, hook: str, keys: list[str], draft: Json | None = None) -> Json:
        """The complete hook request of a client that holds nothing but this."""
        searches = {key: _bundle(self.held.get(key, [])) for key in keys if key != "patient"}
        orders = {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": draft}]}} if draft else {}
        return {
            "hook": hook,
            "hookInstance": f"instance-{self.id}",
            "context": {"userId": "Practitioner/example", "patientId": self.id, **orders},
            "prefetch": {"patient": self.patient, **searches},
        }

    def ordinary_draft(self) -> Json:
        members = {"id": "draft", "status": "draft", "intent": "order", "subject": self._me}
        if self._rng.random() < 0.3:
            return {"resourceType": "ServiceRequest", "code": self._rng.choice(ORDINARY_REQUESTS), **members}
        drug = self._rng.choice(ORDINARY_ORDERS)
        return {"resourceType": "MedicationRequest", "medicationCodeableConcept": drug, **members}


def _bundle(resources: list[Json]) -> Json:
    entries = {"entry": [{"resource": one} for one in resources]} if resources else {}
    return {"resourceType": "Bundle", "type": "searchset", "total": len(resources), **entries}


def population(size: int, seed: int = 20260615) -> list[Chart]:
    rng = random.Random(seed)
    return [Chart(rng, number) for number in range(size)]
