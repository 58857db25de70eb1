"""Quantities as amounts that can be compared, or refuse to be."""

import pytest
from hypothesis import given, strategies as st

from cds_service.fhir.elements import Quantity
from cds_service.fhir.quantities import Amount, amount, convert


def read(value: float | str | None, unit: str | None = None, **more: str) -> Amount:
    found = amount(Quantity(value=value, unit=unit, **more))
    assert found is not None
    return found


def test_an_amount_has_its_number_and_unit() -> None:
    assert read(0.5, "mg") == Amount(0.5, "mg")


def test_a_number_sent_as_a_string_is_a_number() -> None:
    assert read("0.50", "mg") == Amount(0.5, "mg")


@pytest.mark.parametrize("value", [None, "", "high", "1e999", "nan", "1,000"])
def test_without_a_readable_number_there_is_no_amount(value: str | None) -> None:
    assert amount(Quantity(value=value, unit="mg")) is None


def test_no_quantity_is_no_amount() -> None:
    assert amount(None) is None


def test_the_code_comes_before_the_unit() -> None:
    assert read(5, "milligrams per decilitre", code="mg/dL").unit == "mg/dL"


def test_a_code_that_is_no_unit_gives_way_to_the_unit() -> None:
    assert read(5, "mg", code="258684004").unit == "mg"


def test_a_unit_we_do_not_know_is_kept() -> None:
    assert read(1, " {tbl} ").unit == "{tbl}"


def test_an_amount_without_unit_says_so() -> None:
    assert read(26).unit == ""


@pytest.mark.parametrize(
    ("spelled", "unit"),
    [
        ("MG", "mg"),
        ("mcg", "ug"),
        ("µg", "ug"),
        ("μg", "ug"),
        ("lb", "[lb_av]"),
        ("lbs", "[lb_av]"),
        ("[lb_av]", "[lb_av]"),
        ("mg/dl", "mg/dL"),
        ("MG/DL", "mg/dL"),
        ("µmol/L", "umol/L"),
        ("umol/l", "umol/L"),
        ("mEq/L", "meq/L"),
        ("mL/min/1.73m2", "mL/min/{1.73_m2}"),
        ("mL/min/1.73 m2", "mL/min/{1.73_m2}"),
        ("mL/min/1.73 m²", "mL/min/{1.73_m2}"),
        ("mL/min/1.73m^2", "mL/min/{1.73_m2}"),
        ("ml/min/1.73_m2", "mL/min/{1.73_m2}"),
        ("mL/min/{1.73m2}", "mL/min/{1.73_m2}"),
        ("mL/min/1.73 sq M", "mL/min/{1.73_m2}"),
        ("mL/min/173.10*-2.m2", "mL/min/{1.73_m2}"),
        ("mL/min", "mL/min"),
        ("{events}/h", "/h"),
        ("events per hour", "/h"),
        ("events/hour", "/h"),
        ("1/h", "/h"),
        ("sec", "s"),
        ("seconds", "s"),
        ("(score)", "{score}"),
        ("points", "{score}"),
        ("{#}", "1"),
        ("percent", "%"),
        ("years", "a"),
        ("yr", "a"),
        ("kg/m2", "kg/m2"),
    ],
)
def test_units_are_read_in_all_their_spellings(spelled: str, unit: str) -> None:
    assert read(1, spelled).unit == unit


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_unit_raises(code: str, unit: str) -> None:
    assert read(1, unit, code=code).value == 1


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (0.5, "g", "mg", 500),
        (300, "ug", "mg", 0.3),
        (150, "[lb_av]", "kg", 68.0388555),
        (1.2, "g/L", "mg/dL", 120),
        (50, "ug/mL", "mg/L", 50),
        (140, "mmol/L", "umol/L", 140_000),
        (2, "min", "s", 120),
        (2, "a", "mo", 24),
        (24, "1", "{score}", 24),
    ],
)
def test_like_units_are_converted(value: float, source: str, target: str, expected: float) -> None:
    assert convert(Amount(value, source), target) == Amount(expected, target)


def test_the_same_unit_is_left_as_it_is() -> None:
    assert convert(Amount(15, "/h"), "{events}/h") == Amount(15, "/h")


@pytest.mark.parametrize(
    ("analyte", "value", "source", "target", "expected"),
    [
        ("creatinine", 1.0, "mg/dL", "umol/L", 88.4),
        ("creatinine", 88.4, "umol/L", "mg/dL", 1.0),
        ("glucose", 3.0, "mmol/L", "mg/dL", 54.048),
        ("calcium", 2.0, "mmol/L", "mg/dL", 8.016),
        ("calcium", 4.0, "meq/L", "mmol/L", 2.0),
        ("calcium", 4.0, "meq/L", "mg/dL", 8.016),
        ("sodium", 125, "meq/L", "mmol/L", 125),
    ],
)
def test_a_named_analyte_is_converted_between_mass_and_moles(
    analyte: str, value: float, source: str, target: str, expected: float
) -> None:
    assert convert(Amount(value, source), target, analyte=analyte) == Amount(expected, target)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mg", "mL"),
        ("mg", "mg/mL"),
        ("mg/dL", "umol/L"),
        ("meq/L", "mmol/L"),
        ("mL/min", "mL/min/{1.73_m2}"),
        ("", "mg"),
        ("{tbl}", "mg"),
        ("%", "1"),
        ("d", "mo"),
        ("/h", "1"),
    ],
)
def test_unlike_units_are_not_converted(source: str, target: str) -> None:
    assert convert(Amount(1, source), target) is None


def test_an_amount_beyond_any_number_is_not_converted() -> None:
    assert convert(Amount(1e308, "kg"), "mg") is None


def test_an_analyte_without_a_factor_is_not_converted() -> None:
    assert convert(Amount(1, "mg/dL"), "umol/L", analyte="bilirubin") is None
    assert convert(Amount(1, "meq/L"), "mmol/L", analyte="creatinine") is None


def test_a_conversion_keeps_the_comparator() -> None:
    assert convert(Amount(1, "g", "<"), "mg") == Amount(1000, "mg", "<")


@pytest.mark.parametrize(
    ("comparator", "below", "at_least"),
    [
        ("", [False, False, True], [True, True, False]),
        ("<", [False, True, True], [False, False, False]),
        ("<=", [False, False, True], [False, False, False]),
        (">", [False, False, False], [True, True, False]),
        (">=", [False, False, False], [True, True, False]),
        ("~", [False, False, False], [False, False, False]),
    ],
)
def test_a_limit_is_met_only_if_every_possible_value_meets_it(
    comparator: str, below: list[bool], at_least: list[bool]
) -> None:
    found = read(60, "mL/min", comparator=comparator)
    assert [found.definitely_below(limit) for limit in (59, 60, 61)] == below
    assert [found.definitely_at_least(limit) for limit in (59, 60, 61)] == at_least


@pytest.mark.parametrize(("value", "comparator"), [(">60", ">"), ("< 5", "<"), (">= 90", ">="), ("≤5", "<=")])
def test_a_comparator_written_into_the_value_is_kept(value: str, comparator: str) -> None:
    assert read(value, "mL/min").comparator == comparator
