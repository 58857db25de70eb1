"""Which findings stay silent, because this patient's were shown or answered before (clinical specification 4.3, 2.7.5).

Pure: what was shown before and the time are arguments.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from cds_service.content.model import Indicator, MemoryText, OverrideText
from cds_service.hooks.services import ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW
from cds_service.record.entries import Fingerprint, Part, Past

_HOUR = 3_600_000


class Now(msgspec.Struct, frozen=True):
    """The call for which is asked; ``at`` is in the site's time zone."""

    at: dt.datetime
    milliseconds: int
    hook: str
    user: str
    encounter: str

    def days_since(self, milliseconds: int) -> int:
        """Calendar days at the site; clients send times of the year 1, which west of Greenwich no calendar has."""
        then = dt.datetime.fromtimestamp(max(milliseconds, 0) / 1000, self.at.tzinfo)
        return (self.at.date() - then.date()).days


class Memory:
    """The policy of ``memory.toml`` and ``override-reasons.toml``."""

    def __init__(self, text: MemoryText, reasons: Mapping[str, OverrideText], *, sessions_only: bool = False) -> None:
        self._text = text
        self._reasons = reasons
        self._sessions_only = sessions_only

    def needs(self, found: Collection[Indicator], hook: str) -> tuple[Part, ...]:
        """What has to be known of the past, besides the answers, to decide about findings."""
        if "info" not in found or hook == ORDER_SELECT:
            return ()
        if hook == ORDER_SIGN:
            return ("recent",)
        return () if self._sessions_only else ("information",)

    def has_a_say(self, hook: str) -> bool:
        """Whether the past can mute anything at this hook."""
        return hook == ORDER_SIGN or not self._sessions_only

    def session_begins(self, milliseconds: int) -> int:
        """The earliest showing that may be of the same session as one now."""
        return milliseconds - self._text.session_hours * _HOUR

    def why_muted(self, finding: Fingerprint, before: Iterable[Past], now: Now) -> str | None:
        """Why the finding stays silent; None if it is to be shown."""
        alike = [past for past in before if past.finding.rule == finding.rule]
        here = [past for past in alike if now.hook == ORDER_SIGN and self._is_of_draft(past, finding, now)]
        said = self._between_hooks(finding, here)
        if said or self._sessions_only:
            return said
        # What was said of this very draft at order-select was judged above, more strictly.
        judged = [] if finding.indicator == "critical" else [past for past in here if past.hook == ORDER_SELECT]
        others = [past for past in alike if past not in judged]
        return next(self._across_sessions(finding, others, now), None)

    def _between_hooks(self, finding: Fingerprint, here: list[Past]) -> str | None:
        """From order-select to order-sign: what was answered is not repeated; an unanswered warning is, every time."""
        if finding.indicator == "critical":
            return None
        same = [past for past in here if _unchanged(past.finding, finding)]
        selected = [past for past in same if past.hook == ORDER_SELECT]
        if any(past.outcome for past in selected):
            return "answered at order-select"
        if selected and finding.indicator == "info":
            return "shown at order-select"
        return None

    def _across_sessions(self, finding: Fingerprint, before: Iterable[Past], now: Now) -> Iterator[str]:
        for past in before:
            if self._once(past, now):
                yield "shown once"
            counts = self._answered(past, finding, now) if past.outcome else self._ignored(past, finding, now)
            if counts and not past.withdrawn and past.finding.drug == finding.drug and _covers(past.finding, finding):
                yield past.outcome or "shown"

    def _answered(self, past: Past, finding: Fingerprint, now: Now) -> bool:
        days = now.days_since(past.answered)
        if past.outcome == "accepted":
            lasts = self._text.accepted_days_of.get(finding.rule, self._text.accepted_days)
            return finding.indicator != "critical" and days < lasts
        unnamed = self._reasons[self._text.without_reason]
        reason = self._reasons.get(past.reason, unnamed)
        if finding.indicator == "critical" and not reason.despite_critical:
            return False
        if reason.only_for_user and past.user != now.user:
            return False
        if not reason.until_changed:
            return days < reason.mutes_days
        # Without any evidence in the chart there is nothing whose change could be waited for.
        unchanged = past.finding.evidence == finding.evidence
        return unchanged if finding.evidence else days < unnamed.mutes_days

    def _ignored(self, past: Past, finding: Fingerprint, now: Now) -> bool:
        """Information on opening the chart; whoever opens it again in the same session still sees it."""
        opened = past.hook == now.hook == PATIENT_VIEW
        information = past.card_indicator == finding.indicator == "info"
        recent = now.days_since(past.at) < self._text.ignored_days
        return opened and information and recent and not self._same_session(past, now)

    def _once(self, past: Past, now: Now) -> bool:
        days = self._text.once_days.get(past.finding.rule)
        return days is not None and now.days_since(past.at) < days and not self._same_session(past, now)

    def _is_of_draft(self, past: Past, finding: Fingerprint, now: Now) -> bool:
        return bool(finding.draft) and past.finding.draft == finding.draft and self._same_session(past, now)

    def _same_session(self, past: Past, now: Now) -> bool:
        recent = self.session_begins(now.milliseconds) <= past.at <= now.milliseconds
        return recent and (past.user, past.encounter) == (now.user, now.encounter)


def _covers(before: Fingerprint, now: Fingerprint) -> bool:
    """Nothing has joined since: no new kind of finding, no higher dose; one that can only now be read may be higher."""
    if not set(now.classes) <= set(before.classes):
        return False
    return now.band is None or (before.band is not None and now.band <= before.band)


def _unchanged(before: Fingerprint, now: Fingerprint) -> bool:
    """The same drug at the same dose, and no finding that was not there."""
    same = (before.drug, before.dose, before.indicator) == (now.drug, now.dose, now.indicator)
    return same and set(now.classes) <= set(before.classes)
