"""The choice and the dose of a drug in myoclonus (MYO-03)."""

from __future__ import annotations

from cds_service.facts.patient import Condition
from cds_service.facts.words import Value, phrasing
from cds_service.phenotypes import myoclonus
from cds_service.phenotypes.therapy import taper
from cds_service.rules.myoclonus_levetiracetam import levetiracetam
from cds_service.rules.myoclonus_offers import offered
from cds_service.rules.myoclonus_valproate import valproate
from cds_service.rules.review import Finding, Review, rule

_WORSENING_SETS = ("phenytoin", "carbamazepine-oxcarbazepine", "gabapentinoid")
_WORSENING = {"phenytoin", "carbamazepine", "oxcarbazepine", "gabapentin", "pregabalin"}
_WORSE_IN_PROGRESSIVE = {"phenytoin", "carbamazepine"}
_PROGRESSIVE = "progressive-myoclonus-epilepsy"
_PROGRESSIVE_NAME = phrasing(_PROGRESSIVE, rule="myoclonus-drug")()
_CAN_WORSEN = phrasing("review-worsening", rule="myoclonus-drug")()
_REMOVAL = ("remove-draft",)
_ON_RECORD = phrasing("on-record", rule="myoclonus-drug")()
_ON_RECORD_AS_POSSIBLE = phrasing("on-record-as-possible", rule="myoclonus-drug")()


@rule(
    "myoclonus-drug",
    gives="Drug absence_found absence_label childbearing_label contraindicated_found "
    "contraindicated_label day dose dose_mg drug estimated found label limit on_record "
    "pregnancy_found pregnancy_label rate review_drug review_focus review_reason times_a_day",
)
def myoclonus_drug(review: Review) -> Finding:
    name = review.drug("drug-proposed", "valproate", "levetiracetam", *_WORSENING_SETS)
    disorder = review.known("myoclonus", myoclonus.diagnosis(review.facts, "myoclonus", _PROGRESSIVE))
    values = _values(name, disorder)
    if name == "valproate":
        return valproate(review, disorder, values)
    if name == "levetiracetam":
        return levetiracetam(review, disorder, values)
    return _worsening(review, name, values)


def _values(name: str, disorder: Condition) -> dict[str, Value]:
    return {
        "drug": name,
        "Drug": name[:1].upper() + name[1:],
        "found": myoclonus.told(disorder),
        "on_record": _ON_RECORD_AS_POSSIBLE if disorder.possible else _ON_RECORD,
    }


def _worsening(review: Review, name: str, values: dict[str, Value]) -> Finding:
    review.only_if("known-to-worsen", name in _WORSENING, review.order.source)
    review.unless("lowered", taper(review.order, review.facts))
    progressive = myoclonus.diagnosis(review.facts, _PROGRESSIVE)
    if progressive.known and name in _WORSE_IN_PROGRESSIVE:
        unsure = progressive.value.possible
        label = progressive.value.called(_PROGRESSIVE_NAME)
        indicator = "possible-warning" if unsure else "worse-in-progressive"
        found = Finding("progressive", indicator, {**values, "label": label}, ("specialists",), _REMOVAL)
        return offered(review, found, label)
    used = ("used",) if name == "phenytoin" else ()
    found = Finding("worsening", "worsening", values, ("level-a", *used, "aim"), _REMOVAL)
    return offered(review, found, _CAN_WORSEN)
