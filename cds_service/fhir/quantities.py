"""Measured amounts with their units, the few conversions that rules need, and refusal to compare unlike units.

A unit that cannot be converted makes an amount incomparable; it is never taken for another.
"""

from __future__ import annotations

import re
import unicodedata
from math import isfinite

import msgspec

from cds_service.fhir.elements import Quantity, Ratio, number


class Amount(msgspec.Struct, frozen=True, gc=False):
    """A number with a UCUM unit, empty if none was sent, and the comparator of a result beyond a limit."""

    value: float
    unit: str = ""
    comparator: str = ""

    def definitely_below(self, limit: float) -> bool:
        """Whether every value it may stand for is below the limit: "<60" is below 60, ">60" is below nothing."""
        if self.comparator == "<":
            return self.value <= limit
        return self.comparator in ("", "<=") and self.value < limit

    def definitely_at_least(self, limit: float) -> bool:
        """Whether every value it may stand for is the limit or more."""
        return self.comparator in ("", ">", ">=") and self.value >= limit


# Each scale turns a unit into the first one of its group; only members of one group are alike.
_MASS_PER_VOLUME: dict[str, float] = {
    "mg/dL": 1,
    "g/dL": 1e3,
    "g/L": 100,
    "mg/L": 0.1,
    "ug/mL": 0.1,
    "ug/dL": 1e-3,
    "ug/L": 1e-4,
    "ng/mL": 1e-4,
}
_MOLES_PER_VOLUME: dict[str, float] = {"umol/L": 1, "mmol/L": 1e3, "nmol/L": 1e-3}
_GROUPS: tuple[dict[str, float], ...] = (
    {"mg": 1, "kg": 1e6, "g": 1e3, "ug": 1e-3, "ng": 1e-6, "[lb_av]": 453592.37, "[oz_av]": 28349.523125},
    _MASS_PER_VOLUME,
    _MOLES_PER_VOLUME,
    {"mL": 1, "L": 1e3},
    {"s": 1, "min": 60, "h": 3600, "d": 86400},
    {"mo": 1, "a": 12},
    {"1": 1, "{score}": 1},
)
_ALONE = ("/h", "%", "mL/min", "mL/min/{1.73_m2}", "meq/L", "wk", "U/L", "kg/m2")
_SCALES = {unit: (group, scale) for group, units in enumerate(_GROUPS) for unit, scale in units.items()}

_SPELLINGS = {
    "mg": "milligram milligrams mgs",
    "g": "gram grams gm gms",
    "ug": "mcg microgram micrograms",
    "kg": "kgs kilogram kilograms",
    "[lb_av]": "lb lbs pound pounds",
    "[oz_av]": "oz ounce ounces",
    "ug/mL": "mcg/mL",
    "ug/dL": "mcg/dL",
    "ug/L": "mcg/L",
    "umol/L": "micromol/L mcmol/L",
    "mL": "cc milliliter milliliters millilitre millilitres",
    "s": "sec secs second seconds",
    "min": "minute minutes",
    "h": "hr hrs hour hours",
    "d": "day days",
    "wk": "week weeks",
    "mo": "month months",
    "a": "y yr yrs year years",
    "%": "percent pct",
    "1": "# count number unity",
    "{score}": "scores point points pts totalscore",
    "/h": "1/h h-1 /hr /hour perhour events/h event/h events/hr events/hour eventsperhour #/h count/h",
    "mL/min/{1.73_m2}": (
        "mL/min/1.73m2 mL/min/1.73sqm mL/min/1.73/m2 mL/min/bsa mL/min.1.73m2 mL/min1.73m2"
        " mL/minper1.73m2 mL/min/1.7m2 mL/min/173.10-2.m2"
    ),
}


def _folded(text: str) -> str:
    """The unit without case, blanks, brackets and the like; micro signs as u, superscripts as digits."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("\N{GREEK SMALL LETTER MU}", "u")
    return "".join(plain.translate(_DROPPED).split())


_DROPPED = str.maketrans("", "", "[]{}()_^*")
_UNITS = {_folded(unit): unit for unit in (*_SCALES, *_ALONE)}
_UNITS |= {_folded(spelled): unit for unit, spellings in _SPELLINGS.items() for spelled in spellings.split()}
_EXACT = {unit: unit for unit in _UNITS.values()}

_UMOL_PER_MG_DL = {"creatinine": 88.4, "glucose": 1000 / 18.016, "calcium": 1000 / 4.008}
_CHARGE = {"sodium": 1, "potassium": 1, "lithium-level": 1, "calcium": 2, "magnesium": 2}
_COMPARATORS = ("<=", ">=", "<", ">")


def amount(quantity: Quantity | None) -> Amount | None:
    """The amount of a FHIR Quantity; None without a readable number. A unit we do not know is kept as it was sent."""
    if quantity is None or quantity.value is None:
        return None
    written, comparator = quantity.value, (quantity.comparator or "").strip()
    if isinstance(written, str):
        found, written = _leading_comparator(written)
        comparator = comparator or found
    value = number(written)
    return None if value is None else Amount(value, _unit(quantity), comparator)


_WRITTEN = re.compile(
    r"(?P<comparator>[<>]=?|[≤≥])?\s*(?P<value>\d+(?:\.\d+)?)\s*"
    r"(?:(?:/|(?:out )?of\b)\s*(?P<most>\d+(?:\.\d+)?)|(?P<unit>[^\d\s].*))?",
    re.IGNORECASE,
)


def written(text: str, most: float | None = None) -> Amount | None:
    """The amount that a text is, with a unit we know or none: "22", ">60 mL/min"; "22/30" where ``most`` is 30."""
    found = _WRITTEN.fullmatch(text.strip())
    if (
        found is None
        or (found["most"] and float(found["most"]) != most)
        or (found["unit"] and not _known(found["unit"]))
    ):
        return None
    return amount(Quantity(value=f"{found['comparator'] or ''}{found['value']}", unit=found["unit"]))


def share(ratio: Ratio | None, most: float | None) -> Amount | None:
    """The numerator of a ratio out of the most that a scale gives."""
    if ratio is None:
        return None
    whole = amount(ratio.denominator)
    return amount(ratio.numerator) if whole and whole.value == most else None


def _leading_comparator(text: str) -> tuple[str, str]:
    """Some laboratories write ">60" as the value itself."""
    plain = text.strip().replace("≤", "<=").replace("≥", ">=")
    found = next((c for c in _COMPARATORS if plain.startswith(c)), "")
    return found, plain.removeprefix(found)


def _unit(quantity: Quantity) -> str:
    """The first of code and unit that is known: the code may be one of SNOMED CT's."""
    code, unit = quantity.code, quantity.unit
    return _known(code) or _known(unit) or (code or unit or "").strip()


def _known(text: str | None) -> str | None:
    if not text:
        return None
    return _EXACT.get(text) or _UNITS.get(_folded(text))


def convert(amount: Amount, unit: str, *, analyte: str = "") -> Amount | None:
    """The amount in another unit, or None where the two are unlike or the amount is beyond any number.

    Between mass and moles the factor is the analyte's own, so it must be named: creatinine, glucose, calcium;
    between moles and equivalents also sodium, potassium, lithium, magnesium.
    """
    target = _known(unit) or unit
    if amount.unit == target:
        return amount
    factor = _factor(amount.unit, target, analyte)
    if factor is None:
        return None
    # Ten digits: a limit must not be missed by the noise of a multiplication.
    value = float(f"{amount.value * factor:.10g}")
    return Amount(value, target, amount.comparator) if isfinite(value) else None


def _factor(source: str, target: str, analyte: str) -> float | None:
    if source in _SCALES and target in _SCALES:
        (group, scale), (other, divisor) = _SCALES[source], _SCALES[target]
        if group == other:
            return scale / divisor
    molar, per = _in_umol(source, analyte), _in_umol(target, analyte)
    return molar / per if molar and per else None


def _in_umol(unit: str, analyte: str) -> float | None:
    """How many umol/L of the analyte one of a unit of concentration is."""
    if unit in _MOLES_PER_VOLUME:
        return _MOLES_PER_VOLUME[unit]
    if unit == "meq/L":
        return 1000 / _CHARGE[analyte] if analyte in _CHARGE else None
    if unit in _MASS_PER_VOLUME and analyte in _UMOL_PER_MG_DL:
        return _MASS_PER_VOLUME[unit] * _UMOL_PER_MG_DL[analyte]
    return None
