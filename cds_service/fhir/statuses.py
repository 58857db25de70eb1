"""Clinical and verification status of a Condition or an AllergyIntolerance, in all the dresses that clients send."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.fhir.code_systems import SNOMED_CT
from cds_service.fhir.elements import Status, codings

CLINICAL = frozenset({"active", "recurrence", "relapse", "inactive", "remission", "resolved"})
ERROR = "entered-in-error"
VERIFICATION = frozenset({"unconfirmed", "provisional", "differential", "confirmed", "refuted", ERROR})
_CODES = CLINICAL | VERIFICATION
_DISPLAYS = {code: code.capitalize() for code in _CODES}
_HL7 = "http://terminology.hl7.org/CodeSystem/"
_SNOMED_CODES = {"413322009": "resolved", "73425007": "inactive", "410516002": "refuted"}


def status_of(written: Status | str | None, known: frozenset[str]) -> str | None:
    """The known status that is meant: by its HL7 coding, else by SNOMED CT, else by a word; None for any other."""
    if written is None:
        return None
    alone = _alone(written)
    return next((word for word in ((alone,) if alone else _said(written)) if word in known), None)


def is_error(*statuses: Status | str | None) -> bool:
    """Whether any of them says, anywhere, that the resource was entered in error."""
    return any(map(_is_error, statuses))


def _is_error(written: Status | str | None) -> bool:
    if written is None:
        return False
    alone = _alone(written)
    return alone == ERROR if alone else ERROR in _said(written)


def _alone(written: Status | str) -> str | None:
    """The status where R4's own code says it and nothing else does, as in nearly every resource."""
    if isinstance(written, str) or written.text is not None or written.value is not None:
        return None
    listed = written.coding
    if type(listed) is not list or len(listed) != 1:
        return None
    (only,) = listed
    code = only.code
    usual = code in _CODES and only.display in (None, code, _DISPLAYS[code]) and (only.system or "").startswith(_HL7)
    return code if usual else None


def _said(written: Status | str | None) -> Iterator[str]:
    """The words that may be the status, the one that decides first."""
    if written is None:
        return
    if isinstance(written, str):
        yield _word(written)
        return
    coded = codings(written)
    yield from (_word(one.code) for one in coded if (one.system or "").startswith(_HL7))
    yield from (_SNOMED_CODES.get((one.code or "").strip(), "") for one in coded if one.system == SNOMED_CT)
    yield from (_word(one.code) for one in coded if not one.system)
    yield from (_word(text) for text in (written.text, written.value))
    yield from (_word(text) for one in coded for text in (one.code, one.display))


def _word(text: str | None) -> str:
    return "-".join((text or "").lower().replace("-", " ").replace("_", " ").split())
