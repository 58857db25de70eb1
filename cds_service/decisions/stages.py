"""Which keys to read, stage by stage: first those that can start a rule, then those that the started rules read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import msgspec

from cds_service.content.model import ServiceText
from cds_service.content.triggers import Trigger
from cds_service.decisions.ruleset import Ruleset
from cds_service.facts.collections import Collections
from cds_service.facts.patient import Collection, DraftedSets
from cds_service.facts.queries import READS
from cds_service.hooks.hooks import HOOKS
from cds_service.rules.review import Prepared

ALWAYS = frozenset({"patient"})
"""Whether the patient is alive, and the one of the context, is asked before any rule."""
_REASONS = READS["conditions"]


class _Staged(msgspec.Struct, frozen=True, eq=False):
    """A rule with the triggers that count at the hook of the service."""

    prepared: Prepared
    triggers: tuple[Trigger, ...]

    @property
    def name(self) -> str:
        return self.prepared.rule.id

    @property
    def is_about_patient(self) -> bool:
        return self.prepared.content.about == "patient"

    def possible(self, drafted: DraftedSets) -> bool:
        """Whether the drafts leave it to the chart, or start it themselves."""
        return any(one.is_drafted(drafted) for one in self.triggers)

    def first(self, drafted: DraftedSets) -> Iterable[str]:
        """All that it reads where the drafts alone start it, else what tells whether it starts."""
        if any(one.drafts and one.is_certain(drafted) for one in self.triggers):
            return self.prepared.keys
        names = {name for one in self.triggers if one.is_drafted(drafted) for name in one.chart}
        return {key for name in names for key in READS[name]}

    def starts(self, drafted: DraftedSets, held: Mapping[str, Collection]) -> bool:
        return any(one.starts(drafted, held) for one in self.triggers)


class Started(msgspec.Struct, frozen=True):
    """What became of the rules of a service before any of them ran."""

    rules: tuple[str, ...] = ()
    """Those that something in drafts or chart started."""
    not_started: tuple[str, ...] = ()
    """The others: not met, whatever else is known."""
    unmet: tuple[str, ...] = ()
    """Those among them that the chart keeps from starting: about the patient, or about a draft that is there."""


class Stages:
    """The stages of one service."""

    def __init__(self, ruleset: Ruleset, service: ServiceText) -> None:
        hook = HOOKS[service.hook]
        self._orders = hook.brings_orders
        prepared = (ruleset.rules[name] for name in service.rules)
        self._rules = [
            _Staged(one, tuple([t for t in one.triggers if t.counts(one.content.about, hook)]))
            for one in prepared
            if one.content.status != "retired"
        ]

    def can_start(self, drafted: DraftedSets) -> bool:
        """Whether any rule is left by the drafts alone."""
        return any(one.possible(drafted) for one in self._rules)

    def first(self, collections: Collections) -> Set[str]:
        """The keys that tell which rules start, and all those of the rules that the drafts start."""
        drafted = collections.drafted
        found = {key for one in self._rules if one.possible(drafted) for key in one.first(drafted)}
        return ALWAYS | found | frozenset(_REASONS if collections.refers_to_conditions else ())

    def possible(self, drafted: DraftedSets) -> Set[str]:
        """The keys of all rules that are left by the drafts."""
        return ALWAYS.union(*[one.prepared.keys for one in self._rules if one.possible(drafted)])

    def second(self, started: Started) -> Set[str]:
        """All keys that the started rules read."""
        return frozenset().union(*[one.prepared.keys for one in self._rules if one.name in started.rules])

    def start(self, drafted: DraftedSets, held: Mapping[str, Collection]) -> Started:
        started = [one for one in self._rules if one.starts(drafted, held)]
        others = [one for one in self._rules if one not in started]
        unmet = [one for one in others if one.is_about_patient or (self._orders and one.possible(drafted))]
        rules, not_started, kept = (tuple([one.name for one in found]) for found in (started, others, unmet))
        return Started(rules, not_started, kept)

    def nothing(self) -> Started:
        """What the drafts alone leave: nothing."""
        return Started(not_started=tuple([one.name for one in self._rules]))
