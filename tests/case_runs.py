"""The cases of the shipped cards, read once and run once each."""

from functools import cache

from cds_service.authoring.cases import Case, Parts, read_cases
from cds_service.authoring.run_cases import CaseResult, CaseRunner
from cds_service.content.load import load
from cds_service.content.places import cards, fhir_examples
from cds_service.decisions.ruleset import Ruleset, assemble
from cds_service.settings import Settings

PARTS = Parts(fhir_examples() / "parts")


@cache
def ruleset() -> Ruleset:
    return assemble(load(cards(Settings())))


@cache
def runner() -> CaseRunner:
    return CaseRunner(ruleset(), PARTS)


@cache
def cases() -> dict[str, tuple[Case, ...]]:
    return read_cases(ruleset().content, PARTS)


@cache
def case_results(rule: str) -> tuple[CaseResult, ...]:
    return tuple(runner().run(rule, case) for case in cases()[rule])
