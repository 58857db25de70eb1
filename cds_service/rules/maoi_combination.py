"""An MAO inhibitor with another antidepressant (MED-03)."""

from collections.abc import Iterator

from cds_service.facts.knowledge import ABSENT, Fact, Known
from cds_service.facts.words import Listed, Record, Value, listed, phrasing
from cds_service.phenotypes import mao_inhibitors as mao
from cds_service.phenotypes.antidepressants import is_hypnotic_draft
from cds_service.phenotypes.mao_inhibitors import Grade, Meeting
from cds_service.phenotypes.pairs import Side
from cds_service.phenotypes.therapy import current_of
from cds_service.rules.review import Finding, Review, rule

_RULE = "maoi-combination"
_HYPERTENSIVE = phrasing("hypertensive-crisis", rule=_RULE)()
_SEROTONIN = phrasing("serotonin-syndrome", rule=_RULE)()


@rule(
    _RULE,
    gives="Inhibitor antidepressant antidepressant_state antidepressant_words beside days dose drug focus "
    "inhibitor_state inhibitor_words others partner past risk",
)
def maoi_combination(review: Review) -> Finding:
    name = review.drug("inhibitor-or-antidepressant", *mao.INHIBITORS, *mao.PARTNERS)
    side = Side(name, review.therapy)
    review.unless("hypnotic-doxepin", is_hypnotic_draft(name, review.therapy.dose, review.facts))
    found = review.known("combination", _graded(review, side))
    (grade, meeting), *rest = found
    review.consider("both-taken", meeting.both_taken)
    card = _card(grade, meeting)
    other = _other(side, meeting)
    others = listed(_other(side, m).ingredient for _, m in rest)
    stale = meeting.stale
    values: dict[str, Value] = {
        "drug": name,
        "partner": other.ingredient,
        "focus": _entry(review),
        "Inhibitor": meeting.inhibitor.ingredient[:1].upper() + meeting.inhibitor.ingredient[1:],
        "antidepressant": meeting.partner.ingredient,
        "days": mao.wash_out((meeting.past or other).ingredient, review.facts),
        "past": (meeting.past or other).ingredient,
        "risk": _HYPERTENSIVE if meeting.with_bupropion else _SEROTONIN,
        "dose": meeting.inhibitor.daily_mg,
        "inhibitor_words": Record(meeting.inhibitor.drug.words),
        "inhibitor_state": meeting.inhibitor.state,
        "antidepressant_words": Record(meeting.partner.drug.words),
        "antidepressant_state": meeting.partner.state,
        "others": others,
        "beside": (meeting.partner if stale is meeting.inhibitor.therapy else meeting.inhibitor).ingredient,
    }
    classes = (grade.value, card, *(_other(side, m).ingredient for _, m in found))
    notes = tuple(_notes(review, card, meeting, others))
    offers = () if stale else _offers(review, card, grade)
    return Finding(card, grade.value, values, notes, offers, classes, stale)


def _other(side: Side, meeting: Meeting) -> Side:
    return meeting.partner if mao.is_inhibitor(side.sets) else meeting.inhibitor


def _graded(review: Review, side: Side) -> Fact[tuple[tuple[Grade, Meeting], ...]]:
    found = mao.meetings(side, review.facts, review.reviews)
    if not found.known:
        return found
    viewing = review.chart_view
    graded = [(grade, m) for m in found.value if (grade := mao.grade(m, review.facts, viewing=viewing))]
    graded.sort(key=lambda pair: (pair[1].stale is not None, list(Grade).index(pair[0])))
    return Known(tuple(graded), tuple([s for _, m in graded for s in m.sources])) if graded else ABSENT


def _card(grade: Grade, meeting: Meeting) -> str:
    if grade is Grade.UNCHANGED and mao.FULL not in meeting.inhibitor.sets:
        return Grade.OVER_DOSE.value
    if grade is Grade.UNCHANGED:
        return "unchanged-bupropion" if meeting.with_bupropion else "unchanged"
    if grade in (Grade.CONTRAINDICATED, Grade.LISTED_CURRENT):
        together = meeting.both_taken.known
        return f"{'both-current' if together else 'wash-out'}{'-bupropion' if meeting.with_bupropion else ''}"
    return "caution-bupropion" if grade is Grade.CAUTION and meeting.with_bupropion else grade.value


def _notes(review: Review, card: str, meeting: Meeting, others: Listed) -> Iterator[str]:
    yield "hypertensive" if meeting.with_bupropion else "serotonin"
    if not card.startswith(("both-current", "unchanged", "caution")):
        yield "wash-out"
    if mao.listed_for_safinamide(meeting):
        yield "safinamide-listed"
    elif card == "caution":
        yield meeting.inhibitor.ingredient
    if others:
        yield "others"
    if review.chart_view or card.startswith("both-current"):
        yield "no-abrupt-end"


def _entry(review: Review) -> str:
    """What is on record of the drug, which a review of it is about; of a new drug its draft."""
    taken = ABSENT if review.chart_view else current_of(review.order, review.facts)
    return taken.value.source if taken.known else review.therapy.source


def _offers(review: Review, card: str, grade: Grade) -> tuple[str, ...]:
    if review.chart_view and grade is Grade.UNCHANGED:
        return ("interaction-review-planned",)
    if review.chart_view or current_of(review.order, review.facts).known:
        return ("interaction-review",)
    return ("remove-interacting-draft",) if card.startswith(("wash-out", "over-dose")) else ("remove-draft",)
