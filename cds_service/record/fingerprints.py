"""Findings as fingerprints: enough to know one again, and nothing that could be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import msgspec

from cds_service.content.model import Indicator
from cds_service.decide import Judged
from cds_service.facts.patient import Order
from cds_service.record.entries import Fingerprint
from cds_service.record.keys import Marker
from cds_service.rules.review import Evaluation
from cds_service.ruleset import Ruleset

Prints = dict[tuple[str, str], Fingerprint]
"""By rule and subject."""


class Grounds(msgspec.Struct, frozen=True):
    """What fingerprints are taken of, without the rest of the chart."""

    found: tuple[Evaluation, ...] = ()
    entries: Mapping[str, list[object]] = {}
    """The chart's entries that the findings rest on, by their source."""


def grounds(judged: Judged) -> Grounds:
    sources = {source for evaluation in judged.found for step in evaluation.steps for source in step.sources}
    entries: dict[str, list[object]] = {}
    for held in judged.facts.held.values():
        for item in held.items:
            source = getattr(item, "source", None)
            if source in sources:
                entries.setdefault(source, []).append(item)
    return Grounds(judged.found, entries)


class Fingerprinter:
    """Takes the fingerprints of a patient's findings."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._rules = {name: prepared.content for name, prepared in ruleset.rules.items()}
        self.versions = {name: f"{p.content.version}+{p.digest}" for name, p in ruleset.rules.items()}

    def indicator(self, evaluation: Evaluation) -> Indicator:
        assert evaluation.finding is not None  # noqa: S101 - it was found
        return self._rules[evaluation.rule].indicator[evaluation.finding.indicator].indicator

    def prints(self, of: Grounds, marker: Marker) -> Prints:
        """One fingerprint per finding."""
        classes = {
            company: tuple(sorted(marker.mark("class", name) for name in names))
            for company, names in self._classes(of.found).items()
        }
        mark = cache(marker.mark)  # findings are often about the same drug and dose
        prints = {}
        for evaluation in of.found:
            evidence = [entry for source in _evidence(evaluation) for entry in of.entries.get(source, ())]
            marked = marker.mark("evidence", *evidence) if evidence else ""
            prints[evaluation.key] = self._print(evaluation, mark, classes[self._company(evaluation)], marked)
        return prints

    def _company(self, evaluation: Evaluation) -> tuple[str, str]:
        """Findings that would share a card: of one family about one order or drug; any other stands alone."""
        rule, subject = evaluation.key
        return (self._rules[rule].family, subject) if subject else (rule, "")

    def _classes(self, found: Iterable[Evaluation]) -> dict[tuple[str, str], set[str]]:
        classes: dict[tuple[str, str], set[str]] = {}
        for evaluation in found:
            assert evaluation.finding is not None  # noqa: S101 - it was found
            own = {f"{evaluation.rule}/{kind}" for kind in evaluation.finding.kinds}
            classes.setdefault(self._company(evaluation), set()).update(own)
        return classes

    def _print(
        self, evaluation: Evaluation, mark: Callable[..., str], classes: tuple[str, ...], evidence: str
    ) -> Fingerprint:
        subject = evaluation.subject
        daily = subject.dose.daily_mg if subject else None
        return Fingerprint(
            rule=evaluation.rule,
            version=self.versions[evaluation.rule],
            indicator=self.indicator(evaluation),
            drug=mark("drug", *_substances(evaluation)),
            classes=classes,
            band=band(daily),
            dose=mark("dose", daily) if daily is not None else "",
            draft=mark("draft", subject.source) if isinstance(subject, Order) else "",
            evidence=evidence,
        )


def band(daily_mg: float | None) -> int | None:
    """The doubling in which a daily dose lies: 0.5 up to 1 mg is one band, 1 up to 2 mg the next."""
    return math.floor(math.log2(daily_mg)) if daily_mg and daily_mg > 0 else None


def _substances(evaluation: Evaluation) -> list[str]:
    """The ingredients that the finding is about, or the value sets of what is ordered."""
    subject = evaluation.subject
    if subject is None:
        return []
    if isinstance(subject, Order):
        return sorted(subject.drug.ingredients if subject.drug else subject.sets)
    return [subject.ingredient]


def _evidence(evaluation: Evaluation) -> list[str]:
    """What the finding rests on, without the order or drug that it is about."""
    subject = evaluation.subject.source if evaluation.subject else None
    sources = {source for step in evaluation.steps for source in step.sources}
    return sorted(sources - {subject})
