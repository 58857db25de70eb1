"""Age in completed years, as far as the birth date tells them."""

import pytest

from cds_service.fhir.dates import Age
from cds_service.phenotypes.age import years
from tests.case_runs import ruleset


@pytest.mark.parametrize(("age", "words"), [(Age(50, 50), "50"), (Age(50, 51), "50 or 51"), (Age(50, 52), "50 to 52")])
def test_an_age_is_said_with_its_bounds(age: Age, words: str) -> None:
    assert ruleset().content.wording.show(years(age)) == words
