"""Codes without words: every card still says what was found, by our own names."""

from collections.abc import Iterator
from typing import Any

import pytest

from cds_service.authoring.cases import Case, Json
from cds_service.authoring.run_cases import CaseRunner
from cds_service.errors import CallRefused
from cds_service.facts.words import Listed, Record, Said
from tests.case_runs import PARTS, cases, ruleset


def without_words(value: Any) -> Any:
    """The same without the words of what is coded."""
    if isinstance(value, list):
        return [without_words(item) for item in value]
    if not isinstance(value, dict):
        return value
    codings = value.get("coding", ())
    dropped = "text" if any(coding.get("code") for coding in codings) else "display" if "code" in value else ""
    return {name: without_words(member) for name, member in value.items() if name != dropped}


class Wordless(CaseRunner):
    """The cases as a client sends them that writes codes only."""

    def request(self, rule: str, case: Case) -> Json:
        sent: Json = without_words(super().request(rule, case))
        return sent


def records(value: object) -> Iterator[str]:
    """The record's words in what a finding says."""
    if isinstance(value, Record):
        yield value.words
    elif isinstance(value, Listed):
        for item in value.items:
            yield from records(item)
    elif isinstance(value, Said):
        for part in value.values.values():
            yield from records(part)


@pytest.mark.parametrize("rule", sorted(cases()))
def test_what_is_coded_without_words_has_a_name_on_every_card(rule: str) -> None:
    runner = Wordless(ruleset(), PARTS)
    for case in cases()[rule]:
        if not case.found:
            continue
        try:
            evaluations = runner.run(rule, case).evaluations
        except CallRefused:
            continue
        values = [value for one in evaluations if one.finding for value in one.finding.values.values()]
        assert all(words.strip() for value in values for words in records(value)), case.name
