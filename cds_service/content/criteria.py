"""The sentences of a card file with their numbers in place, for pages and explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cds_service.content.model import Criterion, RuleContent
from cds_service.content.text import Values, fill

if TYPE_CHECKING:
    from cds_service.content.load import Content


def numbers(content: Content, rule: RuleContent) -> Values:
    """What a sentence may name in braces: a parameter of the card, or of a phenotype.

    A name that two phenotypes give is told apart as ``fall-risk/event-months``.
    """
    shared = [(p.id, name, found.value) for p in content.phenotypes.values() for name, found in p.parameter.items()]
    names = [name for _, name, _ in shared]
    return {
        **{f"{phenotype}/{name}": value for phenotype, name, value in shared},
        **{name: value for _, name, value in shared if names.count(name) == 1},
        **{name: found.value for name, found in rule.parameter.items()},
    }


def sentence(content: Content, rule: RuleContent, criterion: Criterion) -> str:
    return fill(criterion.text, numbers(content, rule))


def when(content: Content, rule: RuleContent, text: str) -> str:
    """Why a card, an indicator or a note is chosen."""
    return fill(text, numbers(content, rule))
