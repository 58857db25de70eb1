"""Which findings stay silent, because this patient's were shown or answered before (clinical specification 4.3, 2.7.5).

Pure: what was shown before and the time are arguments.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Container, Iterable, Iterator, Mapping

import msgspec

from cds_service.content.model import WEIGHT_OF, Indicator, MemoryText, OverrideText
from cds_service.decisions.decide import Muted
from cds_service.decisions.ruleset import Ruleset
from cds_service.fhir.dates import months_between
from cds_service.hooks.hooks import HOOKS
from cds_service.record.entries import Fingerprint, Part, ShownBefore, instant
from cds_service.record.fingerprints import Prints

_HOUR = 3_600_000


class Now(msgspec.Struct, frozen=True):
    """The call for which is asked; ``at`` is in the site's time zone."""

    at: dt.datetime
    milliseconds: int
    hook: str
    user: str
    encounter: str
    found: frozenset[tuple[str, str]] = frozenset()
    """Rule and evidence of everything that was found."""

    def lasts(self, since: int, *, days: int = 0, months: int = 0) -> bool:
        """Whether so many calendar days and months at the site have not all gone by; 0 of both never end.

        Clients send times of the year 1, which west of Greenwich no calendar has.
        """
        then = instant(max(since, 0), self.at.tzinfo).date()
        within_days = days > 0 and (self.at.date() - then).days < days
        within_months = months > 0 and months_between(then, self.at.date()) < months
        return within_days or within_months or not (days or months)


class MutePolicy:
    """The policy of ``memory.toml`` and ``override-reasons.toml``.

    ``offered`` are the reasons that each rule's own cards offer.
    """

    def __init__(
        self,
        text: MemoryText,
        reasons: Mapping[str, OverrideText],
        offered: Mapping[str, Container[str]],
        *,
        sessions_only: bool = False,
    ) -> None:
        self._text = text
        self._reasons = reasons
        self._offered = offered
        self._sessions_only = sessions_only

    @classmethod
    def of(cls, ruleset: Ruleset, *, sessions_only: bool = False) -> MutePolicy:
        """That of a site's cards."""
        content = ruleset.content
        offered = {name: prepared.content.override for name, prepared in ruleset.rules.items()}
        return cls(content.memory, content.overrides, offered, sessions_only=sessions_only)

    def muted(self, prints: Prints, before: list[ShownBefore], now: Now) -> Muted:
        """Those of the findings that stay silent, and why."""
        now = msgspec.structs.replace(now, found=frozenset((one.rule, one.evidence) for one in prints.values()))
        why = {key: self.why_muted(one, before, now) for key, one in prints.items()}
        return {key: said for key, said in why.items() if said}

    def needs(self, found: Collection[Indicator], hook: str) -> tuple[Part, ...]:
        """What has to be known of the past, besides the answers, to decide about findings."""
        if "info" not in found or HOOKS[hook].brings_selections:
            return ()
        if HOOKS[hook].is_signing:
            return ("recent",)
        return () if self._sessions_only else ("information",)

    def has_a_say(self, hook: str) -> bool:
        """Whether the past can mute anything at this hook."""
        return not (HOOKS[hook].is_chart_view and self._sessions_only)

    def session_begins(self, milliseconds: int) -> int:
        """The earliest showing that may be of the same session as one now."""
        return milliseconds - self._text.session_hours * _HOUR

    def why_muted(self, finding: Fingerprint, before: Iterable[ShownBefore], now: Now) -> str | None:
        """Why the finding stays silent; None if it is to be shown."""
        alike = [past for past in before if past.finding.rule == finding.rule and _of_one_kind(past.hook, now.hook)]
        here = [past for past in alike if self._is_of_draft(past, finding, now)]
        said = self._in_session(finding, here, now)
        if said or self._sessions_only:
            return said
        # What was said of this very draft at order-select was judged above, more strictly.
        strictly = HOOKS[now.hook].is_signing and finding.indicator != "critical"
        others = [past for past in alike if not (strictly and past in here and _was_selecting(past))]
        return next(self._across_sessions(finding, others, now), None)

    def _in_session(self, finding: Fingerprint, here: list[ShownBefore], now: Now) -> str | None:
        """Of one draft what was answered is not repeated; an unanswered warning is, every time."""
        if finding.indicator == "critical":
            return None
        same = [past for past in here if _unchanged(past.finding, finding)]
        if any(past.outcome and self._is_as_it_was(past, finding, now) for past in same):
            return "answered for this draft"
        if finding.indicator == "info" and HOOKS[now.hook].is_signing and any(map(_was_selecting, same)):
            return "shown at order-select"
        return None

    def _across_sessions(self, finding: Fingerprint, before: Iterable[ShownBefore], now: Now) -> Iterator[str]:
        for past in before:
            if self._once(past, now):
                yield "shown once"
            left = not past.outcome or (past.outcome == "accepted" and not past.started)
            counts = self._ignored(past, finding, now) if left else self._answered(past, finding, now)
            if counts and not past.withdrawn and past.finding.drug == finding.drug and _covers(past.finding, finding):
                yield "shown" if left else str(past.outcome)

    def _answered(self, past: ShownBefore, finding: Fingerprint, now: Now) -> bool:
        if _returned(past.finding, finding):
            return False
        if past.outcome == "accepted":
            months = self._text.accepted_months_of.get(finding.rule, self._text.accepted_months)
            return finding.indicator != "critical" and now.lasts(past.answered, months=months)
        reason = self._reason(past, finding)
        if finding.indicator == "critical" and not reason.despite_critical:
            return False
        if reason.only_for_user and past.user != now.user:
            return False
        if not self._is_as_it_was(past, finding, now):
            return False
        return now.lasts(past.answered, days=reason.mutes_days, months=reason.mutes_months)

    def _is_as_it_was(self, past: ShownBefore, finding: Fingerprint, now: Now) -> bool:
        """Whether an answer that ends with any change still holds: of several findings nobody said which was meant."""
        ends = past.outcome == "overridden" and self._reason(past, finding).until_changed
        return not ends or now.found.issuperset(past.company)

    def _reason(self, past: ShownBefore, finding: Fingerprint) -> OverrideText:
        """What the reason given means for this finding; one that cannot have been about it is as good as none.

        That a wash-out is complete says nothing of the epilepsy on the same card, and where a finding rests on
        nothing in the chart there is nothing whose change could be waited for.
        """
        unnamed = self._reasons[self._text.without_reason]
        reason = self._reasons.get(past.reason, unnamed)
        foreign = reason.despite_critical and past.reason not in self._offered.get(finding.rule, ())
        return unnamed if foreign or (reason.until_changed and not finding.evidence) else reason

    def _ignored(self, past: ShownBefore, finding: Fingerprint, now: Now) -> bool:
        """Information on opening the chart of which nothing was taken up; in the same session it is still seen."""
        shown = HOOKS.get(past.hook)
        opened = shown is not None and shown.is_chart_view and HOOKS[now.hook].is_chart_view
        information = finding.indicator == "info" and (past.outcome or past.card_indicator == "info")
        recent = now.lasts(past.at, days=self._text.ignored_days)
        return opened and bool(information) and recent and not self._same_session(past, now)

    def _once(self, past: ShownBefore, now: Now) -> bool:
        months = self._text.once_months.get(past.finding.rule)
        return months is not None and now.lasts(past.at, months=months) and not self._same_session(past, now)

    def _is_of_draft(self, past: ShownBefore, finding: Fingerprint, now: Now) -> bool:
        return bool(finding.draft) and past.finding.draft == finding.draft and self._same_session(past, now)

    def _same_session(self, past: ShownBefore, now: Now) -> bool:
        recent = self.session_begins(now.milliseconds) <= past.at <= now.milliseconds
        return recent and (past.user, past.encounter) == (now.user, now.encounter)


def _of_one_kind(then: str, now: str) -> bool:
    """Whether both were about drafts, or both about what the patient takes."""
    return then in HOOKS and HOOKS[then].is_chart_view == HOOKS[now].is_chart_view


def _was_selecting(past: ShownBefore) -> bool:
    hook = HOOKS.get(past.hook)
    return hook is not None and hook.brings_selections


def _covers(before: Fingerprint, now: Fingerprint) -> bool:
    """Nothing has joined since, and nothing has grown."""
    if not set(now.classes) <= set(before.classes) or WEIGHT_OF[now.indicator] < WEIGHT_OF[before.indicator]:
        return False
    joined = now.drugs.keys() - before.drugs.keys() if before.entries else ()
    risen = (drug for drug, band in now.drugs.items() if drug in before.drugs and _is_higher(before.drugs[drug], band))
    return not joined and not any(risen) and not _is_higher(before.band, now.band)


def _returned(before: Fingerprint, now: Fingerprint) -> bool:
    """Whether the finding now rests on none of the entries that were judged then: on one that has come since."""
    return bool(before.entries and now.entries) and set(now.entries).isdisjoint(before.entries)


def _is_higher(before: int | None, now: int | None) -> bool:
    """Whether a dose may be of a higher band: one that can only now be read may be."""
    return now is not None and (before is None or now > before)


def _unchanged(before: Fingerprint, now: Fingerprint) -> bool:
    """The same drug at the same dose, and nothing that was not there."""
    same = (before.drug, before.dose, before.indicator) == (now.drug, now.dose, now.indicator)
    return same and _covers(before, now) and not _returned(before, now)
