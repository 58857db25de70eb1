"""Findings as fingerprints: enough to know one again, and nothing that could be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

import msgspec

from cds_service.content.model import Indicator
from cds_service.content.not_checked import ID as NOT_CHECKED
from cds_service.decisions.decide import Judged
from cds_service.decisions.ruleset import Ruleset
from cds_service.facts.collection import Classified
from cds_service.facts.patient import Medication, Order
from cds_service.facts.queries import collections
from cds_service.record.entries import Fingerprint
from cds_service.record.pseudonyms import Pseudonymizer
from cds_service.rules.review import Evaluation

_ENCODER = msgspec.json.Encoder(order="deterministic")
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MOST_ENTRIES = 32
_NO_COLLECTIONS = ("patient", "orders")
Mark: TypeAlias = Callable[..., str]
Prints = dict[tuple[str, str], Fingerprint]
"""By rule and subject."""


class Evidence(msgspec.Struct, frozen=True):
    """What fingerprints are taken of, without the rest of the chart."""

    found: tuple[Evaluation, ...] = ()
    pools: Mapping[str, tuple[Classified, ...]] = {}
    """The chart's entries that the findings rest on, and what belongs to the same value sets, by collection."""
    drafts: tuple[Order, ...] = ()


def _akin(items: Iterable[Classified], sources: Collection[str]) -> tuple[Classified, ...]:
    """The entries of these sources, and those that belong to a value set of theirs."""
    found = tuple(items)
    sets = frozenset(name for item in found if _source(item) in sources for name in item.sets)
    return tuple(item for item in found if _source(item) in sources or not sets.isdisjoint(item.sets)) if sets else ()


def _source(item: object) -> str:
    source: str = getattr(item, "source", "")
    return source


class Fingerprinter:
    """Takes the fingerprints of a patient's findings."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._rules = {name: prepared.content for name, prepared in ruleset.rules.items()}
        self._declared = {
            name: collections(prepared.reads).difference(_NO_COLLECTIONS) for name, prepared in ruleset.rules.items()
        }
        self.versions = {name: f"{p.content.version}+{p.digest}" for name, p in ruleset.rules.items()}
        self.versions[NOT_CHECKED] = ruleset.content.not_checked_version

    def evidence(self, judged: Judged) -> Evidence:
        """What fingerprints of the findings are taken of: nothing that their own rules do not declare."""
        sources = {source for evaluation in judged.found for step in evaluation.steps for source in step.sources}
        names = {name for evaluation in judged.found for name in self._declared[evaluation.rule]}
        held = judged.facts.held
        pools = {name: pool for name in sorted(names) if (pool := _akin(held[name].items, sources))}
        return Evidence(judged.found, pools, tuple([o for o in judged.facts.orders if o.source in sources]))

    def indicator(self, evaluation: Evaluation) -> Indicator:
        found = evaluation.finding
        assert found is not None  # noqa: S101 - it was found
        return found.level(self._rules[evaluation.rule])

    def of_unchecked(self) -> Fingerprint:
        """What is kept of a card that says what could not be checked: no finding is like it."""
        return Fingerprint(rule=NOT_CHECKED, version=self.versions[NOT_CHECKED], indicator="info", drug="", classes=())

    def prints(self, of: Evidence, marker: Pseudonymizer) -> Prints:
        """One fingerprint per finding."""
        classes = {
            company: tuple(sorted(marker.mark("class", name) for name in names))
            for company, names in self._classes(of.found).items()
        }
        mark = cache(marker.mark)  # findings are often about the same drug and dose
        prints = {}
        for evaluation in of.found:
            seen = self._print(evaluation, mark, classes[self._company(evaluation)])
            prints[evaluation.key] = msgspec.structs.replace(seen, **self._evidence(evaluation, of, mark, marker))
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

    def _print(self, evaluation: Evaluation, mark: Mark, classes: tuple[str, ...]) -> Fingerprint:
        subject = evaluation.subject
        daily = subject.dose.daily_mg if subject else None
        return Fingerprint(
            rule=evaluation.rule,
            version=self.versions[evaluation.rule],
            indicator=self.indicator(evaluation),
            drug=mark("drug", *_substances(evaluation)),
            classes=classes,
            band=band(daily),
            dose=mark("dose", daily if daily is not None else _unread(subject)) if subject else "",
            draft=mark("draft", subject.source) if isinstance(subject, Order) else "",
        )

    def _evidence(self, evaluation: Evaluation, of: Evidence, mark: Mark, marker: Pseudonymizer) -> dict[str, Any]:
        """What the finding rests on, without the order or drug that it is about: as a whole, by entry and by drug."""
        subject = evaluation.subject.source if evaluation.subject else None
        sources = {source for step in evaluation.steps for source in step.sources if source != subject}
        declared = self._declared[evaluation.rule]
        pools = (pool for name, pool in of.pools.items() if name in declared)
        items = [item for pool in pools for item in _akin(pool, sources) if _source(item) != subject]
        drafts = [order for order in of.drafts if order.source in sources]
        if not items and not drafts:
            return {}
        told = sorted(_ENCODER.encode(_lasting(item)) for item in (*items, *drafts))
        drugs: dict[str, int | None] = {}
        for name, daily in _drugs(items, drafts, sources):
            known, found = drugs.get(mark("drug", name)), band(daily)
            drugs[mark("drug", name)] = found if known is None else max(known, known if found is None else found)
        names = sorted({mark("entry", name) for item in items for name in _entries(item)})
        return {
            "evidence": marker.mark("evidence", *map(msgspec.Raw, told)),
            "entries": tuple(names[:_MOST_ENTRIES]),
            "drugs": drugs,
        }


def _unread(subject: Order | Medication) -> str:
    """A draft whose dose cannot be told is the same only word for word."""
    return _content(subject.raw).decode() if isinstance(subject, Order) else ""


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


def _drugs(
    items: Iterable[Classified], drafts: Iterable[Order], sources: Collection[str]
) -> Iterator[tuple[str, float | None]]:
    """The drugs that a finding rests on with their daily doses, in mg."""
    for item in items:
        if isinstance(item, Medication) and item.source in sources:
            yield item.ingredient, item.dose.daily_mg
    for order in drafts:
        for name in order.drug.ingredients if order.drug else ():
            yield name, order.dose.daily_mg


def _entries(item: Classified) -> tuple[str, ...]:
    return item.told_by or (item.source,) if isinstance(item, Medication) else (_source(item),)


def _lasting(item: object) -> object:
    """Without what changes as time goes by, or when the same is saved again."""
    if isinstance(item, Medication):
        return msgspec.structs.replace(item, old=False)
    return msgspec.structs.replace(item, raw=_content(item.raw)) if isinstance(item, Order) else item


def _content(raw: bytes) -> bytes:
    """What a resource says: without its metadata and the narrative that repeats it."""
    members = _MEMBERS.decode(raw) if raw else {}
    return _ENCODER.encode({name: told for name, told in members.items() if name not in ("meta", "text")})
