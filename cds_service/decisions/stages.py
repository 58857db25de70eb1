"""Which keys to read, stage by stage: first those that can start a rule, then those that the started rules read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import lru_cache

import msgspec

from cds_service.content.model import OF_THE_PATIENT, ServiceText
from cds_service.decisions import open_tasks
from cds_service.decisions.ruleset import Ruleset
from cds_service.facts.collection import Collection
from cds_service.facts.drafted import DraftedSets
from cds_service.facts.queries import MEDICATIONS, READS
from cds_service.hooks.hooks import HOOKS
from cds_service.rules.review import Prepared

ALWAYS = frozenset({"patient"})
"""Whether the patient is alive, and the one of the context, is asked before any rule."""
_MOST_PLANS = 256


class Started(msgspec.Struct, frozen=True):
    """What became of the rules of a service before any of them ran."""

    rules: tuple[str, ...] = ()
    """Those that something in drafts or chart started."""
    not_started: tuple[str, ...] = ()
    """The others: not met, whatever else is known."""
    unmet: tuple[str, ...] = ()
    """Those among them that the chart keeps from starting: about the patient, or about a draft that is there."""


class _Unsettled(msgspec.Struct, frozen=True):
    """A rule that the drafts leave to the chart: any of the ways starts it, with all that it names."""

    rule: Prepared
    ways: tuple[Mapping[str, frozenset[str]], ...]
    any_drug_drafted: bool
    """A draft that cannot be read may be the medication that is looked for."""

    def starts(self, held: Mapping[str, Collection]) -> bool:
        for way in self.ways:
            for name, sets in way.items():
                if not ((self.any_drug_drafted and name == MEDICATIONS) or held[name].may_hold(sets)):
                    break
            else:
                return True
        return False

    @property
    def is_loose(self) -> bool:
        """Whether the chart may be empty, and it starts."""
        return self.any_drug_drafted or not all(self.ways)


class Plan(msgspec.Struct, frozen=True):
    """What the value sets of the drafts settle for a service, and what they leave to the chart."""

    certain: tuple[Prepared, ...]
    """The rules that the drafts start."""
    unsettled: tuple[_Unsettled, ...]
    first: frozenset[str]
    """The keys that tell which of the unsettled rules start, and all those of the certain ones."""
    whole: frozenset[str]
    """All keys of certain and unsettled rules."""
    watched: tuple[tuple[str, frozenset[str]], ...]
    """By collection, every value set in it that could start an unsettled rule."""
    is_loose: bool
    """Whether any unsettled rule is."""

    def started(self, held: Mapping[str, Collection]) -> frozenset[str]:
        """The rules that start on this chart; most charts hold nothing that could start any."""
        certain = frozenset([one.rule.id for one in self.certain])
        watching = self.is_loose or any(held[name].may_hold(sets) for name, sets in self.watched)
        return certain.union([one.rule.rule.id for one in self.unsettled if one.starts(held)]) if watching else certain


class Stages:
    """The stages of one service."""

    def __init__(self, ruleset: Ruleset, service: ServiceText) -> None:
        hook = HOOKS[service.hook]
        self._orders = hook.brings_orders
        prepared = [ruleset.rules[name] for name in service.rules]
        self._rules = [one for one in prepared if one.content.status != "retired"]
        self._names = tuple([one.rule.id for one in self._rules])
        self._triggers = {
            one.rule.id: [t for t in one.triggers if t.counts(one.content.about, hook)] for one in self._rules
        }
        self.plan = lru_cache(_MOST_PLANS)(self._plan)
        """By the value sets of the drafts, of which a few occur again and again; nothing else is kept of a chart."""

    def can_start(self, drafted: DraftedSets) -> bool:
        """Whether any rule is left by the drafts alone."""
        plan = self.plan(drafted)
        return bool(plan.certain or plan.unsettled)

    def _plan(self, drafted: DraftedSets) -> Plan:
        certain: list[Prepared] = []
        unsettled: list[_Unsettled] = []
        for rule in self._rules:
            ways = [(one, one.left_open(drafted)) for one in self._triggers[rule.rule.id] if one.is_drafted(drafted)]
            if any(not rest and not one.drafts.isdisjoint(drafted.reviewed) for one, rest in ways):
                certain.append(rule)
            elif ways:
                unsettled.append(_Unsettled(rule, tuple([rest for _, rest in ways]), drafted.unreadable))
        return _planned(certain, unsettled)

    def start(self, drafted: DraftedSets, held: Mapping[str, Collection]) -> Started:
        """The rules that drafts or chart start; any other is not met, whatever else is known."""
        plan = self.plan(drafted)
        started = plan.started(held)
        kept = [one.rule for one in plan.unsettled if self._orders or one.rule.content.about in OF_THE_PATIENT]
        return Started(
            tuple([name for name in self._names if name in started]),
            tuple([name for name in self._names if name not in started]),
            tuple([one.rule.id for one in kept if one.rule.id not in started]),
        )

    def second(self, started: Started) -> Set[str]:
        """All keys that the started rules read, and at a view those under which what they offer may be open already."""
        tasks = frozenset() if self._orders else self.offered(started)
        return ALWAYS.union(tasks, *[one.keys for one in self._rules if one.rule.id in started.rules])

    def offered(self, started: Started) -> Set[str]:
        """The keys under which what the started rules may offer may be open already."""
        offers = any(one.offers_tasks for one in self._rules if one.rule.id in started.rules)
        return open_tasks.KEYS if offers else frozenset()

    def nothing(self) -> Started:
        """What the drafts alone leave: nothing."""
        return Started(not_started=self._names)


def _planned(certain: Iterable[Prepared], unsettled: Iterable[_Unsettled]) -> Plan:
    watched: dict[str, frozenset[str]] = {}
    for name, sets in (part for one in unsettled for way in one.ways for part in way.items()):
        watched[name] = watched.get(name, frozenset()) | sets
    first = ALWAYS.union(*[one.keys for one in certain], *[READS[name] for name in watched])
    whole = first.union(*[one.rule.keys for one in unsettled])
    is_loose = any(one.is_loose for one in unsettled)
    return Plan(tuple(certain), tuple(unsettled), first, whole, tuple(watched.items()), is_loose)
