"""Whom a call is about, under one secret: the pseudonyms of its patient and user, and the fingerprints of its findings.

While a secret is being changed, a call is known under the new one and under the one of before, and what was stored
under either is compared with what is found under the same.
"""

from __future__ import annotations

from functools import cached_property

from cds_service.record.entries import Call
from cds_service.record.fingerprints import Evidence, Fingerprinter, Prints
from cds_service.record.pseudonyms import Keys, Pseudonymizer


class KnownAs:
    """Made when it is first asked for: of most calls little is needed."""

    def __init__(self, keys: Keys, call: Call, fingerprinter: Fingerprinter) -> None:
        self._keys = keys
        self._call = call
        self._fingerprinter = fingerprinter
        self.grounds = Evidence()
        """What was found, once it is known."""

    @cached_property
    def patient(self) -> str:
        return self._keys.patient(self._call.issuer, self._call.within, self._call.patient_id)

    @cached_property
    def user(self) -> str:
        return self._keys.user(self._call.issuer, self._call.within, self._call.user_id)

    @cached_property
    def encounter(self) -> str:
        return self._marker.mark("encounter", self._call.encounter_id)

    @cached_property
    def prints(self) -> Prints:
        return self._fingerprinter.prints(self.grounds, self._marker)

    @cached_property
    def _marker(self) -> Pseudonymizer:
        return self._keys.marker(self.patient)
