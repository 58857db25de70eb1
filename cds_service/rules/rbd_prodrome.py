"""RBD with early signs of Parkinson's or Lewy body disease (PROG-02)."""

from __future__ import annotations

from cds_service.facts.patient import Condition
from cds_service.facts.words import Record, Value, dated, listed, phrasing, possible, since
from cds_service.phenotypes import prodrome, rbd
from cds_service.phenotypes.prodrome import Sign
from cds_service.rules.review import Finding, Review, rule

_REFERRAL_REASON = phrasing("referral-reason", "signs", rule="rbd-prodrome")
_MOST = 3
"""Signs that a summary has room for; one fewer where something is only possible."""


@rule("rbd-prodrome", gives="disorder found onset referral_reason signs")
def rbd_prodrome(review: Review) -> Finding:
    facts = review.facts
    review.unless("disease-known", facts.conditions(*rbd.SYNUCLEIN_SETS))
    disorder = review.known("rbd-active", rbd.firm_diagnosis(facts))
    signs = review.known("early-signs", prodrome.signs(facts))
    serious = any(sign.serious and not sign.possible for sign in signs)
    return Finding(
        "signs",
        "motor-or-cognitive" if serious else "other",
        _values(disorder, signs),
        _notes(signs),
        classes=tuple(f"{sign.nature.value}/{sign.possible}" for sign in signs),
    )


def _notes(signs: tuple[Sign, ...]) -> tuple[str, ...]:
    found = {sign.nature.value for sign in signs}
    figures = [name for name in ("motor", "smell", "autonomic") if name in found]
    return (*figures, "causes", "antipsychotics", "ask-first")


def _values(disorder: Condition, signs: tuple[Sign, ...]) -> dict[str, Value]:
    unsure = any(sign.possible for sign in signs)
    labels = [possible(sign.label) if sign.possible else sign.label for sign in signs]
    return {
        "signs": listed(labels[: _MOST - unsure]),
        "disorder": Record(disorder.words),
        "onset": since(disorder.since),
        "found": listed((dated(sign.words, _when(sign)) for sign in signs), "semicolon"),
        "referral_reason": _REFERRAL_REASON(signs=listed(labels)),
    }


def _when(sign: Sign) -> Value:
    return sign.when if sign.measured and sign.when else since(sign.when)
