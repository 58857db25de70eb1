"""What was shown before in a replay, so that it can be left unsaid as the running service leaves it unsaid.

Nobody answers in a replay: what is muted is what was shown and not taken up, never what was overridden or accepted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, tzinfo

import msgspec

from cds_service.decisions.decide import Judged, Muted
from cds_service.decisions.ruleset import Ruleset
from cds_service.decisions.service import DecidedHook
from cds_service.record.entries import ShownBefore, milliseconds
from cds_service.record.fingerprints import Fingerprinter, Prints
from cds_service.record.mute_policy import MutePolicy, Now
from cds_service.record.pseudonyms import Pseudonymizer
from cds_service.record.withdrawals import Withdrawals

_MOST = 12
"""So many of the newest cards count, as in the record."""
_NOON = time(12)


class Call(msgspec.Struct, frozen=True):
    """A hook that fires, as far as the memory goes by it."""

    day: date
    hook: str
    user: str
    encounter: str = ""


class Memories:
    """Makes the memory of one patient after the other."""

    def __init__(self, ruleset: Ruleset, zone: tzinfo) -> None:
        self.policy = MutePolicy.of(ruleset)
        self.prints, self.withdrawals, self.zone = Fingerprinter(ruleset), Withdrawals(ruleset), zone

    def memory(self) -> Memory:
        return Memory(self)


class Memory:
    """What was shown of one patient; to be asked before an answer, and told of it after."""

    def __init__(self, shared: Memories) -> None:
        self._shared = shared
        self._marker = Pseudonymizer(b"replay")
        self._cards: list[list[ShownBefore]] = []
        self._call = Call(date.min, "", "")
        self._prints: Prints = {}

    def begin(self, call: Call) -> None:
        self._call, self._prints = call, {}

    async def recall(self, judged: Judged) -> Muted:
        shared, call = self._shared, self._call
        self._prints = shared.prints.prints(shared.prints.evidence(judged), self._marker)
        before = list(self._before([shared.prints.indicator(one) for one in judged.found]))
        if not before:
            return {}
        now = Now(self._at, milliseconds(self._at), call.hook, call.user, call.encounter)
        return shared.policy.muted(self._prints, before, now)

    def note(self, decided: DecidedHook) -> None:
        """What was shown, and what the chart no longer holds up."""
        decision, at = decided.decision, milliseconds(self._at)
        gone = set(self._shared.withdrawals.of(decision))
        self._cards = [[_left(past, gone) for past in card] for card in self._cards]
        for card, group in zip(decision.cards, decision.groups, strict=True):
            prints = [self._prints[key] for key in dict.fromkeys(one.evaluation.key for one in group.findings)]
            company = tuple((one.rule, one.evidence) for one in prints)
            call = self._call
            self._cards.append(
                [
                    ShownBefore(
                        card=card.uuid,
                        at=at,
                        hook=call.hook,
                        card_indicator=card.indicator,
                        user=call.user,
                        encounter=call.encounter,
                        finding=one,
                        company=company,
                    )
                    for one in prints
                ]
            )

    def _before(self, found: list[str]) -> Iterator[ShownBefore]:
        """What the record would be asked for."""
        policy, call = self._shared.policy, self._call
        parts = policy.needs(found, call.hook)  # type: ignore[arg-type]  # indicators
        since = policy.session_begins(milliseconds(self._at)) if "recent" in parts else 0
        cards = [card for card in self._cards if card and card[0].at >= since]
        if "information" in parts:
            cards = [card for card in cards if card[0].card_indicator == "info"]
        for card in cards[-_MOST:] if parts else ():
            yield from card

    @property
    def _at(self) -> datetime:
        return datetime.combine(self._call.day, _NOON, self._shared.zone)


def _left(past: ShownBefore, gone: set[str]) -> ShownBefore:
    return msgspec.structs.replace(past, withdrawn=True) if past.finding.rule in gone else past
