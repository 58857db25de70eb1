"""How a site's cards differ from the shipped ones: what they say otherwise, and which cases they answer otherwise."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from cds_service.authoring.cases import Case
from cds_service.authoring.run_cases import CaseResult, CaseRunner
from cds_service.content.model import Content
from cds_service.content.overlay import REVIEWS, CardFiles
from cds_service.content.text import plain
from cds_service.hooks.responses import Card
from cds_service.rules.review import Outcome
from cds_service.terminology.value_sets import ValueSet

_PATTERNS = ("*.toml", "*/*.toml", "*.json", "suggestions/*.json", "leaflets/*.md", "myoclonus-types.md")
_WHOLE = "the whole file"


class Change(msgspec.Struct, frozen=True):
    """One key of one file; None where one of the two does not have it."""

    file: str
    key: str
    before: str | None
    after: str | None


class OtherAnswer(msgspec.Struct, frozen=True):
    """A case and what becomes of it under either cards."""

    rule: str
    case: str
    before: str
    after: str


def changes(shipped: Content, site: Content) -> Iterator[Change]:
    """What the files of a site say otherwise, by file and key; codes and words of value sets one by one."""
    own = CardFiles(site.files.folder)
    names = {name for pattern in _PATTERNS for name in own.names(pattern)}
    if site.files.under is None:
        names |= {name for pattern in _PATTERNS for name in shipped.files.names(pattern)}
    for name in sorted(name for name in names if name != REVIEWS and not name.startswith(("value-sets/", "."))):
        before, after = _said(shipped.files.path(name)), _said(site.files.path(name))
        if site.files.under:
            before = {key: value for key, value in before.items() if key in after}
        yield from _between(name, before, after)
    sets, own_sets = ({one.name: _of_set(one) for one in content.value_sets} for content in (shipped, site))
    for name in sorted(sets.keys() | own_sets.keys()):
        yield from _between(f"value-sets/{name}", sets.get(name, {}), own_sets.get(name, {}))


def _between(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    if before and not after:
        yield Change(name, _WHOLE, "there", None)
        return
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            yield Change(name, key, before.get(key), after.get(key))


def _said(path: Path) -> dict[str, str]:
    """What a file says, by key; nothing for one that is not there."""
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return {f"line {number}": line for number, line in enumerate(text.splitlines(), 1) if line}
    return dict(_leaves(tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)))


def _leaves(value: Any, *at: str) -> Iterator[tuple[str, str]]:
    """Each value under its keys; the entries of a list under their ids or names, where all have one."""
    if isinstance(value, list) and (key := _key(value)):
        value = {entry[key]: entry for entry in value}
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(member, *at, key)
    else:
        yield ".".join(at), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _key(entries: list[Any]) -> str | None:
    tables = bool(entries) and all(isinstance(entry, dict) for entry in entries)
    return next((key for key in ("id", "name") if tables and all(key in entry for entry in entries)), None)


def _of_set(found: ValueSet) -> dict[str, str]:
    codes = {f"code {one.system}|{one.code}": one.display for one in found.codes}
    taken = {f"not {one.system}|{one.code}": one.display for one in found.left_out}
    words = {f"word {word.text}": word.ingredient for word in found.words}
    against = {f"not word {text}": "" for text in found.not_words}
    return {"short-label": found.label, **codes, **taken, **words, **against}


def other_answers(shipped: CaseRunner, site: CaseRunner, cases: Iterable[tuple[str, Case]]) -> Iterator[OtherAnswer]:
    """The shipped cases whose cards differ once the site's cards are in force."""
    for rule, case in cases:
        if rule not in site.ruleset.rules:
            continue
        before, after = shipped.shown(rule, case), site.shown(rule, case)
        was, now = _lines(before), _lines(after)
        if was != now:
            yield OtherAnswer(rule, case.name, *_told(was, now))


def _lines(result: CaseResult | None) -> list[str]:
    """What the card says for the rule, line by line, its indicator and summary first; why there is none."""
    if result is None:
        return ["no answer"]
    if result.card is None:
        told = {Outcome.FOUND: " (not shown)", Outcome.UNDETERMINED: " (undetermined)", Outcome.FAILED: " (failed)"}
        return [f"no card{told.get(result.outcome, '')}"]
    return list(_of_card(result.card))


def _of_card(card: Card) -> Iterator[str]:
    yield f'{card.indicator} "{card.summary}"'
    actions = (action.description for suggestion in card.suggestions for action in suggestion.actions)
    others = (
        *plain(card.detail or "").split("\n\n"),
        *(suggestion.label for suggestion in card.suggestions),
        *actions,
        *(reason.display for reason in card.override_reasons),
        *(link.label for link in card.links),
    )
    yield from (f'"{line}"' for line in others)


def _told(was: list[str], now: list[str]) -> tuple[str, str]:
    """Indicator and summary, or the first lines that differ where these are the same."""
    pairs = zip_longest(was, now, fillvalue="nothing")
    return next(pair for pair in pairs if pair[0] != pair[1])
