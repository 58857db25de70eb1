"""A synthetic patient for each rule, and whether its card came back: what a nightly probe asks and expects.

The patients are those of the rules' own cases. These hold on one day, so that every date is moved to today with them.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from cds_service.authoring.cases import DAY, Case
from cds_service.authoring.run_cases import CaseRunner
from cds_service.content.model import Content, ServiceText
from cds_service.hooks.requests import PROBED_PATIENT

Result: TypeAlias = Literal["shown", "shadowed", "off", "missing"]
"""The card came; it was found and is not shown, as of a draft or in silent mode; no service asks it; or none of these.
"""

_DATE = re.compile(r'"(\d{4}-\d{2}-\d{2})(T[^"]*)?"')


class Probe(msgspec.Struct, frozen=True):
    """A call that a rule must answer with its card; without a service the rule is switched off."""

    rule: str
    service: str = ""
    body: bytes = b""


class Probed(msgspec.Struct, frozen=True):
    """What became of it."""

    rule: str
    service: str
    result: Result
    why: str = ""


def probes(runner: CaseRunner, cases: Sequence[tuple[str, Case]], today: dt.date) -> Iterator[Probe]:
    """One for each rule: the first of its cases that shows its card."""
    content = runner.ruleset.content
    for rule in content.rules:
        of_rule = [case for name, case in cases if name == rule and case.found]
        asked = [(case, text) for case in of_rule if (text := _service(content, rule, case))]
        if not asked or content.rules[rule].status == "retired":
            yield Probe(rule)
            continue
        case, text = next((one for one in asked if _is_shown(runner, rule, one[0])), asked[0])
        yield Probe(rule, text.id, _body(runner, rule, case, today))


def _service(content: Content, rule: str, case: Case) -> ServiceText | None:
    return next((one for one in content.services.service if one.hook == case.hook and rule in one.rules), None)


def _is_shown(runner: CaseRunner, rule: str, case: Case) -> bool:
    result = runner.shown(rule, case)
    return result is not None and result.card is not None


def _body(runner: CaseRunner, rule: str, case: Case, today: dt.date) -> bytes:
    made = runner.request(rule, case)
    context, name = made["context"], f"{PROBED_PATIENT}{rule}"
    old, context["patientId"] = context["patientId"], name
    if "patient" in made["prefetch"]:
        made["prefetch"]["patient"]["id"] = name
    made["hookInstance"] = str(uuid.uuid4())
    text = json.dumps(made).replace(f'"Patient/{old}"', f'"Patient/{name}"')
    return _moved(text, today - DAY).encode()


def _moved(text: str, by: dt.timedelta) -> str:
    return _DATE.sub(lambda found: f'"{dt.date.fromisoformat(found[1]) + by}{found[2] or ""}"', text)


def judged(probe: Probe, status: int, answer: bytes) -> Probed:
    """Whether the card is in the answer, or why not."""
    told = _read(answer)
    if status != 200:
        return Probed(probe.rule, probe.service, "missing", f"HTTP {status}")
    named = {rule for card in told.get("cards", ()) for rule in _of(card, "rules", ())}
    if probe.rule in named:
        return Probed(probe.rule, probe.service, "shown")
    outcomes: dict[str, Any] = _of(told, "outcomes", {})
    if probe.rule in outcomes.get("found", ()):
        return Probed(probe.rule, probe.service, "shadowed", "found, and not shown")
    return Probed(probe.rule, probe.service, "missing", _why(probe.rule, outcomes))


def _read(answer: bytes) -> dict[str, Any]:
    try:
        told = json.loads(answer)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _of(holder: dict[str, Any], what: str, otherwise: Any) -> Any:
    return holder.get("extension", {}).get(f"org.rbd-cds.{what}", otherwise)


def _why(rule: str, outcomes: dict[str, Any]) -> str:
    if rule in outcomes.get("failed", ()):
        return "the rule failed"
    undetermined = outcomes.get("undetermined", {}).get(rule)
    return f"undetermined: {undetermined}" if undetermined else outcomes.get("reason", "found nothing")
