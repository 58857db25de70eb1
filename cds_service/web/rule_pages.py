"""A rule as a clinician reads it: its card first, then when it speaks and why, and every case."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from cds_service.authoring import rows
from cds_service.authoring.cases import DAY, Case
from cds_service.authoring.examples import Examples
from cds_service.authoring.overrides import reasons
from cds_service.content.model import Content, RuleContent
from cds_service.content.reviews import state
from cds_service.content.source_attributes import path, source_attributes
from cds_service.content.text import placeholders
from cds_service.facts.queries import DRAFTS, MEDICATIONS, REASONS
from cds_service.web.pages import Site, asked_page, page_headers
from cds_service.web.routes import Address, get
from cds_service.web.search import Asked, triggering

_ANSWERS = {
    "critical": "critical",
    "warning": "warning",
    "info": "info",
    "silent": "silence",
    "undetermined": "cannot be told",
}
_SIGNED = {
    "signed": "A clinician has signed it as it stands.",
    "lapsed": "The card has changed since a clinician signed it.",
    "unsigned": "Not yet reviewed by a clinician.",
}
_UNITS = {
    "1": "",
    "/h": "an hour",
    "a": "years",
    "d": "days",
    "h": "hours",
    "mg/d": "mg a day",
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
    "mo": "months",
    "s": "seconds",
    "wk": "weeks",
    "{score}": "points",
}
_PLACES = {DRAFTS: "In the drafts", MEDICATIONS: "In the current drugs", REASONS: "What the draft is for"}


def addresses(content: Content, site: Site, examples: Examples) -> dict[str, Address]:
    headers = page_headers(script=True, form=True)
    return {
        f"/catalogue/{name}": get(
            asked_page("rule.html", Asked.of, partial(_names, content, site, examples, rule), headers)
        )
        for name, rule in content.rules.items()
    }


def _names(content: Content, site: Site, examples: Examples, rule: RuleContent, asked: Asked) -> dict[str, object]:
    answers, cases = examples.answers(rule.id), examples.cases(rule.id)
    found = None if cases is None else [case for case in cases if _meets(case, asked)]
    return {
        "site": site,
        "rule": rule,
        "digest": content.digests[rule.id],
        "indicators": rows.indicators(rule),
        "hooks": rows.hooks(content, rule),
        "about": f"about {rows.ABOUT[rule.about]}",
        "status": rows.STATUS[rule.status],
        "signed": _SIGNED[state(content, rule.id)],
        "reviewed": f"Clinical review: {rows.reviewed(content, rule)}",
        "drawn": examples.card(rule.id),
        "criteria": [(one, rows.unknown(one)) for one in rule.criteria],
        "summaries": [(when, said, key) for key, when, said in rows.summaries(content, rule, answers)],
        "notes": list(_notes(content, rule)),
        "offers": list(rows.offers(content, rule, answers)),
        "overrides": list(reasons(content, rule)),
        "numbers": [(name, _in_words(value), source) for name, value, _, source in rows.numbers(content, rule)],
        "codes": [(_PLACES.get(place, f"In the {place}"), sets) for place, sets in triggering(content, rule).items()],
        "evidence": [(one, content.evidence[one.id], rows.GRADES[one.grade]) for one in rule.evidence],
        "day": DAY,
        "asked": asked,
        "unfolded": asked.view == "print",
        "answers": _ANSWERS,
        "case_hooks": {hook: hook for hook in dict.fromkeys(case.hook for case in cases or ())},
        "cases": found,
        "all_cases": len(cases or ()),
        "attributes": source_attributes(content, rule),
        "attributes_path": path(rule.id),
        "not_stated": content.source_attributes.not_stated,
        "together": list(rows.together(content, rule)),
        "reads": rows.reads(rule),
    }


def _in_words(quantity: str) -> str:
    """A number with its unit as it is spoken."""
    number, _, unit = quantity.partition(" ")
    return f"{number} {_UNITS.get(unit, unit)}".rstrip()


def _meets(case: Case, asked: Asked) -> bool:
    return (
        asked.answer in ("", case.expect)
        and asked.hook in ("", case.hook)
        and asked.is_in(f"{case.name}\n{case.says}".casefold())
    )


def _notes(content: Content, rule: RuleContent) -> Iterator[tuple[str, str]]:
    """Each paragraph that may be added, with an ellipsis for what only a chart can say."""
    words = rows.wording(content, rule)
    for note in rows.notes_of(content, rule).values():
        yield note.when, words.fill(note.text, dict.fromkeys(placeholders(note.text), "…"))
