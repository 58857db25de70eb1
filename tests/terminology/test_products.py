"""Strength and form out of a drug product's name."""

import time

import pytest
from hypothesis import given, strategies as st

from cds_service.terminology.products import Product, product


@pytest.mark.parametrize(
    ("name", "mg"),
    [
        ("clonazepam 0.5 MG Oral Tablet", 0.5),
        ("clonazepam 0.5 MG Oral Tablet [Klonopin]", 0.5),
        ("clonazePAM 0.5mg tab", 0.5),
        ("clonazepam .5 mg", 0.5),
        ("Melatonin 300 MCG Oral Tablet", 0.3),
        ("levetiracetam 1,000 MG Oral Tablet", 1000),
        ("levetiracetam 1 G Oral Tablet", 1000),
        ("12 HR tramadol hydrochloride 150 MG Extended Release Oral Tablet", 150),
        ("clonazepam 0.5 mg/tablet", 0.5),
        ("melatonin 5 mg in evening", 5),
    ],
)
def test_the_strength_of_a_piece_is_in_mg(name: str, mg: float) -> None:
    assert product(name).strength_mg == mg


@pytest.mark.parametrize(
    ("name", "mg_per_ml"),
    [
        ("Clonazepam 0.1 MG/ML Oral Solution", 0.1),
        ("clonazepam 2 MG per 5 ML Oral Solution", 0.4),
        ("valproate 250 MG/5ML Syrup", 50),
        ("valproic acid 250 mg in 5 mL", 50),
        ("1 ML propranolol hydrochloride 1 MG/ML Injection", 1),
    ],
)
def test_the_strength_of_a_liquid_is_in_mg_per_ml(name: str, mg_per_ml: float) -> None:
    assert product(name).strength_mg == mg_per_ml


@pytest.mark.parametrize(
    "name",
    [
        "Klonopin",
        "olanzapine 6 MG / fluoxetine 25 MG Oral Capsule",
        "melatonin 3 MG / vitamin B6 Oral Tablet",
        "168 HR donepezil 0.208 MG/HR Transdermal System",
        "zolpidem tartrate 5 MG/ACTUAT Oral Spray",
        "abobotulinumtoxinA 300 UNT Injection",
        "clonazepam 0.5 MG/0 ML",
        "Pack [Subsys 1200 MCG]",
        "",
    ],
)
def test_a_name_with_several_strengths_or_none_of_a_piece_tells_no_strength(name: str) -> None:
    assert product(name).strength_mg is None


@pytest.mark.parametrize(
    "name",
    [
        "12 HR tramadol hydrochloride 150 MG Extended Release Oral Tablet",
        "24 HR venlafaxine 75 MG Oral Capsule",
        "melatonin 2mg modified-release tablets",
        "melatonin 5 MG time release",
        "Depakote ER 500 mg",
    ],
)
def test_extended_release_is_seen(name: str) -> None:
    assert product(name).extended_release


@pytest.mark.parametrize(
    "name",
    [
        "melatonin 5 MG Oral Tablet",
        "valproate 500 MG Delayed Release Oral Tablet",
        "24 HR selegiline 0.25 MG/HR Transdermal System",
        "melatonin 5 mg er dagelijks",
    ],
)
def test_other_products_are_not_extended_release(name: str) -> None:
    assert not product(name).extended_release


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("clonazepam 0.125 MG Disintegrating Oral Tablet", "tablet"),
        ("clonazepam Pill", "tablet"),
        ("Clonazepam 0.1 MG/ML Oral Solution", "solution"),
        ("24 HR selegiline 0.25 MG/HR Transdermal System", "patch"),
        ("doxepin 50 MG/ML Topical Cream", "cream"),
        ("clonazepam", None),
    ],
)
def test_the_form_is_told_apart(name: str, form: str | None) -> None:
    assert product(name).form == form


@given(st.text(max_size=60))
def test_no_name_raises(name: str) -> None:
    assert isinstance(product(name), Product)


@pytest.mark.timing
def test_a_name_made_to_take_long_does_not() -> None:
    started = time.thread_time()
    product("1" * 200_000 + "[" * 200_000)
    assert time.thread_time() - started < 1
