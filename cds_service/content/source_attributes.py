"""The thirteen source attributes of each rule, which 45 CFR 170.315(b)(11)(iv)(A) asks of evidence-based interventions.

What is not known has no words, and the pages say that it is not stated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import msgspec

from cds_service.content.attribute_words import Personal
from cds_service.content.model import Content, RuleContent
from cds_service.content.reviews import signature

FILE = "source-attributes.toml"
REGULATION = "45 CFR 170.315(b)(11)(iv)(A)"
NAMES = ("citation", "developer", "funding", "dates", *get_args(Personal), "health-status-assessments")
"""In the order of the regulation."""


class Attribute(msgspec.Struct, frozen=True):
    """One attribute of one rule: what is known of it, in sentences; nothing where nothing is."""

    number: int
    name: str
    title: str
    known: bool
    says: tuple[str, ...]


class OfRule(msgspec.Struct, frozen=True):
    """All thirteen, as they are served."""

    rule: str
    title: str
    regulation: str
    attributes: tuple[Attribute, ...]


def path(rule: str) -> str:
    """Where a rule's attributes are served as JSON."""
    return f"/rules/{rule}/source-attributes.json"


def source_attributes(content: Content, rule: RuleContent) -> OfRule:
    said = {
        "citation": tuple(dict.fromkeys(_citations(content, rule))),
        "developer": _stated(content.source_attributes.developer),
        "funding": _stated(content.source_attributes.funding),
        "dates": tuple(_dates(content, rule)),
        **{name: _personal(content, rule, name) for name in get_args(Personal)},
        "health-status-assessments": _assessments(content, rule),
    }
    of_all = content.source_attributes.attribute
    attributes = tuple(
        Attribute(number, name, of_all[name].title, known=bool(said[name]), says=said[name])
        for number, name in enumerate(NAMES, 1)
    )
    return OfRule(rule.id, rule.title, REGULATION, attributes)


def faults_of_source_attributes(content: Content) -> Iterator[str]:
    given = content.source_attributes.attribute
    yield from (f"{FILE}: attribute.{name}: is missing" for name in NAMES if name not in given)
    yield from (f"{FILE}: attribute.{name}: is none of {', '.join(NAMES)}" for name in given if name not in NAMES)


def _stated(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _citations(content: Content, rule: RuleContent) -> Iterator[str]:
    for source in (content.evidence[cited.id] for cited in rule.evidence):
        yield f"{source.citation}. {source.url}" if source.url else f"{source.citation}."


def _dates(content: Content, rule: RuleContent) -> Iterator[str]:
    shared = content.source_attributes
    yield f"Date of release: {shared.released or shared.not_stated}"
    yield f"Version {rule.version}, digest {content.digests[rule.id]}; to be read again by {rule.review.next_review}."
    if held := signature(content, rule.id):
        yield f"Read by {held.by}, {held.role}, on {held.on}."
    yield from _stated(shared.revised)


def _personal(content: Content, rule: RuleContent, name: str) -> tuple[str, ...]:
    if rule.uses is None:
        return ()
    shared = content.source_attributes
    return (shared.attribute[name].used or name if name in rule.uses else shared.not_used,)


def _assessments(content: Content, rule: RuleContent) -> tuple[str, ...]:
    shared = content.source_attributes
    read = [shared.assessment[name] for name in rule.reads if name in shared.assessment]
    used = shared.attribute["health-status-assessments"].used if read else None
    return (content.wording.fill(used, {"assessments": content.wording.listed(read)}) if used else shared.not_used,)
