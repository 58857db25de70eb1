"""The files of a new rule: small, but running, as a draft."""

from __future__ import annotations

from datetime import date

_CARD = """\
id = "{id}"
code = "{code}"
title = "{title}"
question = "What does this card ask of the chart?"
status = "draft"
version = "0.1.0"
about = "patient"
uses = []
family = "{family}"
reads = ["patient", "conditions"]
triggers = [{{ conditions = ["rbd"] }}]
statements = []
override = ["patient-ineligible", "data-wrong"]
evidence = []

[review]
written-by = "nobody yet"
next-review = {review}

[[criteria]]
id = "rbd-active"
kind = "only-if"
text = "RBD is active on the problem list."

[indicator.found]
indicator = "info"
when = "Always."

[card.found]
when = "Always."
summary = "RBD is on the problem list (since {{since}})"
found = ["{{disorder}} (since {{since}})"]
values = ["disorder", "since"]
"""

_CASES = """\
# Patients in two lines each, and what this rule answers on 2026-06-15. What is not named is known to be empty.
# The parts are the files of fhir_examples/parts.

[[case]]
name = "rbd"
says = "Man of 66 with RBD"
hook = "patient-view"
chart = ["patient-66m", "condition-rbd"]
expect = "info"
card = "found"

[[case]]
name = "no-rbd"
says = "The same man without RBD"
hook = "patient-view"
chart = ["patient-66m"]
expect = "silent"

[[case]]
name = "conditions-not-sent"
says = "The problem list was not sent"
hook = "patient-view"
chart = ["patient-66m"]
left-out = ["conditions"]
expect = "undetermined"
"""

_RULE = '''\
"""{title} ({code})."""

from cds_service.facts.words import Record
from cds_service.phenotypes import rbd
from cds_service.rules.review import Finding, Review, rule


@rule("{id}", gives="disorder since")
def {function}(review: Review) -> Finding:
    disorder = review.known("rbd-active", rbd.diagnosis(review.facts))
    return Finding("found", "found", {{"disorder": Record(disorder.words), "since": disorder.since}})
'''


def module(rule: str) -> str:
    """The name of a rule's module and function."""
    return rule.replace("-", "_")


def files(rule: str, family: str, today: date) -> dict[str, str]:
    """The three files of a new rule by what they are: ``card``, ``cases`` and ``rule``."""
    values = {
        "id": rule,
        "code": rule.upper(),
        "title": rule.replace("-", " ").capitalize(),
        "family": family,
        "function": module(rule),
        "review": f"{today.year + 1}-{today:%m-%d}",
    }
    return {
        "card": _CARD.format_map(values),
        "cases": _CASES,
        "rule": _RULE.format_map(values),
    }


NEXT = """\
What to do next:
  1. card.toml: title, question, criteria, words, evidence; every number with its unit and source.
  2. The rule: one line for each criterion, under the same names and in the same order.
  3. cases.toml: every criterion both ways and unknown, every limit on both sides, every wording.
  4. cds-service check, then cds-service page.
  5. To show it: name it in services.toml, give it a place in families.toml (weight), and set status = "active".
"""
