"""Strength and form out of the name of a drug product, as RxNorm writes names."""

from __future__ import annotations

import re
from enum import Enum
from functools import cache

import msgspec


class Site(Enum):
    """Where a drug works by its form or its route."""

    SYSTEMIC = "systemic"
    TRANSDERMAL = "transdermal"
    LOCAL = "local"
    """Skin, eye or ear."""


class Product(msgspec.Struct, frozen=True, gc=False):
    """What a product's name says of it; strengths of liquids are mg per mL."""

    strength_mg: float | None = None
    extended_release: bool = False
    form: str | None = None


_LONGEST_NAME = 400
_BRAND = re.compile(r"\[[^\]]*\]")
_WORD = re.compile(r"[a-z]+")
_STRENGTH = re.compile(
    r"(?P<amount>\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)\s*(?P<unit>mg|mcg|ug|µg|μg|g|gm)\b"
    r"(?:\s*(?:/|(?:per|in)\b(?=[\s\d.]*ml\b))\s*(?P<count>\d+(?:\.\d+)?)?\s*(?P<per>[a-z]+)\b)?",
    re.IGNORECASE,
)
_IN_MG = {"mg": 1.0, "mcg": 0.001, "ug": 0.001, "µg": 0.001, "μg": 0.001, "g": 1000.0, "gm": 1000.0}
_RELEASE = re.compile(
    r"\b(?:extended|prolonged|modified|sustained|controlled|timed?)[ -]released?\b|\bretard\b|^\s*(?:12|24)[ -]?hr?\b",
    re.IGNORECASE,
)
# Only in capitals: in lower case these are words of other languages or parts of a sig.
_RELEASE_LETTERS = re.compile(r"\b(?:ER|XR|SR|CR|XL|MR|TR)\b")
_FORMS = {
    "patch": "patch patches transdermal",
    "injection": "injection injectable injector syringe cartridge vial infusion",
    "tablet": "tablet tablets tab tabs pill pills",
    "capsule": "capsule capsules cap caps",
    "drops": "drops",
    "solution": "solution soln liquid elixir syrup",
    "suspension": "suspension susp",
    "spray": "spray inhaler inhalation inhalant",
    "cream": "cream ointment gel lotion salve",
    "suppository": "suppository suppositories",
    "film": "film films",
    "granules": "granules powder",
    "gum": "gum lozenge",
}
_FORM_OF = {word: form for form, spelled in _FORMS.items() for word in spelled.split()}


_SITES = {
    Site.TRANSDERMAL: "patch patches transdermal",
    Site.SYSTEMIC: "oral orally mouth po tablet tablets tab tabs capsule capsules cap caps sublingual buccal nasal"
    " rectal injection injectable intravenous iv intramuscular im subcutaneous sc syrup suppository",
    Site.LOCAL: "topical topically cutaneous cream ointment gel lotion salve ophthalmic conjunctival"
    " eye eyes otic auricular ear ears",
}
_SITE_OF = [(site, frozenset(spelled.split())) for site, spelled in _SITES.items()]


def site(text: str) -> Site | None:
    """Where a form or route says that a drug works; None where it does not tell."""
    said = set(_WORD.findall(text.lower()))
    return next((found for found, words in _SITE_OF if not words.isdisjoint(said)), None)


def product(display: str) -> Product:
    """The strength, release and form that a product's name tells.

    No strength if the name holds several, or one that is neither of a piece nor per mL.
    """
    name = _without_brand(display)
    return Product(_strength(name), _is_slow(name), _form(name))


@cache
def known_product(display: str) -> Product:
    """As :func:`product`, for a name that the value sets give a code: of these there are few."""
    return product(display)


def is_extended_release(display: str) -> bool:
    """Whether the name tells of a slow release by mouth."""
    return _is_slow(_without_brand(display))


def _without_brand(display: str) -> str:
    return _BRAND.sub(" ", display[:_LONGEST_NAME])


def _form(name: str) -> str | None:
    return next((found for word in _WORD.findall(name.lower()) if (found := _FORM_OF.get(word))), None)


def _is_slow(name: str) -> bool:
    return bool(_RELEASE.search(name) or _RELEASE_LETTERS.search(name)) and _form(name) != "patch"


def _strength(name: str) -> float | None:
    found = list(_STRENGTH.finditer(name))
    if len(found) != 1:
        return None
    mass = float(found[0]["amount"].replace(",", "")) * _IN_MG[found[0]["unit"].lower()]
    per, count = (found[0]["per"] or "").lower(), float(found[0]["count"] or 1)
    if not count or (per and per != "ml" and _FORM_OF.get(per) not in ("tablet", "capsule")):
        return None
    return float(f"{mass / count:.10g}")
