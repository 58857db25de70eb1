"""Every exception this package raises.

    CdsError
    ├── FaultsFound               what must be put right before the service, or a command, can start
    │   ├── SettingsError         the environment
    │   ├── ContentError          cards/
    │   ├── NothingToReplay       the export that is to be replayed
    │   └── ReplayError           what a replay left behind
    ├── UnwritableCard            a card without words, or one that would break the response shape
    ├── UndeclaredFact            a rule asked for a fact that its card file does not list in `reads`
    ├── OtherRelease              the FHIR server speaks another release of FHIR than R4
    ├── Unpasted                  what was given to the test bench cannot be tried
    └── CallRefused               an answer other than 2xx
        ├── NotJson               400  structure
        ├── NotAuthenticated      401  login
        ├── NotEntitled           403  forbidden
        ├── OnlyOnThisMachine     403  forbidden
        ├── NotFound              404  not-found
        ├── MethodNotAllowed      405  not-supported
        ├── BodyTooSlow           408  timeout
        ├── DataMissing           412  required
        ├── BodyTooLarge          413  too-long
        ├── MediaTypeRefused      415  not-supported
        ├── ContractBroken        422  required, value or invariant
        ├── TooManyCalls          429  throttled
        ├── UnforeseenFault       500  exception
        ├── NotReady              503  transient
        └── TooBusy               503  throttled

A text never holds a value from the request or the chart: it is sent to the caller and may be logged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar


class CdsError(Exception):
    """Anything this package raises on purpose."""


class FaultsFound(CdsError):
    """Faults found together, so that they can be put right together."""

    subject: ClassVar[str] = "Settings and cards"

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join((f"{self.subject} cannot be used:", *(f"  - {fault}" for fault in self.faults)))


class SettingsError(FaultsFound):
    subject = "The settings"


class ContentError(FaultsFound):
    subject = "The cards"


class ReplayError(FaultsFound):
    subject = "The results of the replay"


class NothingToReplay(FaultsFound):
    subject = "The export"


class UnwritableCard(CdsError):
    """A card whose words are not in the cards, or a part of one that the response schema would refuse."""


class UndeclaredFact(CdsError):
    """A rule asked for a fact that its card file does not declare, so that no prefetch key would bring it."""


class OtherRelease(CdsError):
    """What a FHIR server answered is not R4; ``kind`` is the type of resource that shows it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"not FHIR R4: {kind}; the client has to be set to a FHIR R4 server")


class Unpasted(CdsError):
    """What a person gave to be tried cannot be: in a sentence, with the place in the text where there is one."""

    def __init__(self, text: str, line: int | None = None, column: int | None = None) -> None:
        self.line, self.column = line, column
        super().__init__(text)


class CallRefused(CdsError):
    """A call that is answered with a status and an OperationOutcome.

    ``code`` is an R4 issue-type code; ``expression`` names members of the request, never their values.
    """

    status: ClassVar[int]
    code: str
    text: str

    def __init__(self, text: str | None = None, *, code: str | None = None, expression: tuple[str, ...] = ()) -> None:
        self.text = text or self.text
        self.code = code or self.code
        self.expression = expression
        super().__init__(self.text)

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to this answer alone."""
        return {}


class NotJson(CallRefused):
    status = 400
    code = "structure"
    text = "The body is not JSON that this service can read."


class NotAuthenticated(CallRefused):
    """One text for every reason, so that a caller cannot tell an expired token from a forged one."""

    status = 401
    code = "login"
    text = "The call is not authenticated."

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class NotEntitled(CallRefused):
    status = 403
    code = "forbidden"
    text = "The caller may not use this service."


class OnlyOnThisMachine(CallRefused):
    """Without configured clients anyone is served, but only on the machine itself."""

    status = 403
    code = "forbidden"
    text = (
        "Without CDS_CLIENTS this service answers only on its own machine: by a loopback address such as 127.0.0.1, "
        "and not through a proxy."
    )

    @property
    def headers(self) -> dict[str, str]:
        return {"Connection": "close"}


class NotFound(CallRefused):
    status = 404
    code = "not-found"
    text = "There is nothing at this address."


class MethodNotAllowed(CallRefused):
    status = 405
    code = "not-supported"
    text = "This address does not take this method."

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = tuple(sorted(allowed))
        super().__init__()

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.allowed)}


class BodyTooSlow(CallRefused):
    status = 408
    code = "timeout"
    text = "The body did not arrive in time."

    @property
    def headers(self) -> dict[str, str]:
        return {"Connection": "close"}


class DataMissing(CallRefused):
    """Required FHIR data is neither in the prefetch nor readable from the FHIR server (CDS Hooks: 412).

    ``reasons`` says of a key why not, for the log and the command line.
    """

    status = 412
    code = "required"
    text = "Data this service needs was neither prefetched nor readable from the FHIR server."

    def __init__(self, keys: Iterable[str], reasons: Mapping[str, str] | None = None) -> None:
        self.keys = tuple(keys)
        self.reasons = dict(reasons or {})
        super().__init__(expression=tuple(f"prefetch.{key}" for key in self.keys))


class BodyTooLarge(CallRefused):
    status = 413
    code = "too-long"
    text = "The body is larger than this service accepts."

    @property
    def headers(self) -> dict[str, str]:
        return {"Connection": "close"}


class MediaTypeRefused(CallRefused):
    status = 415
    code = "not-supported"
    text = "The body must be sent as application/json."


class ContractBroken(CallRefused):
    """Valid JSON that breaks the contract of the hook; ``member`` says where, empty for the whole body."""

    status = 422
    code = "value"
    text = "The request breaks the hook's contract."

    def __init__(self, member: str, text: str, *, code: str = "value") -> None:
        super().__init__(text, code=code, expression=(member,) if member else ())


class TooManyCalls(CallRefused):
    status = 429
    code = "throttled"
    text = "Too many calls; try again later."

    def __init__(self, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__()

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


class UnforeseenFault(CallRefused):
    status = 500
    code = "exception"
    text = "The service failed; the request id leads to its log."


class NotReady(CallRefused):
    status = 503
    code = "transient"
    text = "The service is not ready; try again shortly."

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "1"}


class TooBusy(CallRefused):
    status = 503
    code = "throttled"
    text = "The service is answering as many calls as it may at once; try again shortly."

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "1"}
