"""The cases of the shipped cards, read once and run once each."""

from functools import cache

from cds_service.content.cases import Case, Parts, read_cases
from cds_service.content.load import load
from cds_service.places import cards, fhir_examples
from cds_service.rehearsing import Rehearsal, Stage
from cds_service.ruleset import Ruleset, assemble
from cds_service.settings import Settings

PARTS = Parts(fhir_examples() / "parts")


@cache
def ruleset() -> Ruleset:
    return assemble(load(cards(Settings())))


@cache
def stage() -> Stage:
    return Stage(ruleset(), PARTS)


@cache
def cases() -> dict[str, tuple[Case, ...]]:
    return read_cases(ruleset().content.folder, ruleset().content.rules, PARTS)


@cache
def rehearsals(rule: str) -> tuple[Rehearsal, ...]:
    return tuple(stage().run(rule, case) for case in cases()[rule])
