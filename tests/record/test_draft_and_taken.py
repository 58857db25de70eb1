"""What was said of a draft is about that draft: not about another one, and not about what the patient takes (4.3)."""

import json

import pytest

from cds_service.content.places import fhir_examples
from tests.charts import (
    ALZHEIMER,
    CLONAZEPAM,
    FALL,
    RBD,
    SERTRALINE,
    condition,
    dosage,
    draft,
    named,
    patient,
    request,
)
from tests.record.site import SELECT, SIGN, VIEW, site

pytestmark = pytest.mark.anyio

CARD = ["clonazepam-dementia"]
CHART = (patient(), condition(ALZHEIMER, id="dementia"), condition(RBD, id="rbd"))
HALF = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])
ANOTHER = HALF | {"id": "d2"}
DOUBLE = ANOTHER | {"dosageInstruction": [dosage(1)]}
TAKEN = request(CLONAZEPAM, id="taken", authoredOn="2026-03-01", dosageInstruction=[dosage(0.5)])
REPLACE, REMOVE, REVIEW = "Replace", "Remove", "review clonazepam"


@pytest.fixture(params=["on", "off"])
async def place(request, tmp_path):
    """With and without a memory: one session has its own."""
    async with site(tmp_path, memory=request.param) as opened:
        yield opened


@pytest.fixture
async def kept(tmp_path):
    async with site(tmp_path) as opened:
        yield opened


async def taking_up(place, label, *chart, hook=SELECT, drafts=(HALF,)):
    """The card of a hook, of which one suggestion is accepted a moment later."""
    card = next(c for c in await place.ask(hook, *chart, drafts=drafts) if any(label in s.label for s in c.suggestions))
    place.passes(seconds=20)
    await place.accepts(card, label)
    place.passes(seconds=20)


# Accepting what changes the draft


@pytest.mark.parametrize("label", [REPLACE, REMOVE])
@pytest.mark.parametrize("hook", [SELECT, SIGN])
async def test_a_draft_that_was_given_up_is_not_brought_up_again_in_its_session(place, label, hook):
    await taking_up(place, label, *CHART)
    assert await place.rules(hook, *CHART, drafts=(HALF,)) == []


@pytest.mark.parametrize("hook", [SELECT, SIGN])
@pytest.mark.parametrize("again", [ANOTHER, DOUBLE, DOUBLE | {"id": "d1"}], ids=["another id", "both", "another dose"])
async def test_the_drug_drafted_anew_in_the_same_session_is_a_new_event(place, hook, again):
    await taking_up(place, REPLACE, *CHART)
    assert (await place.rules(hook, *CHART, drafts=(again,)))[:1] == CARD


@pytest.mark.parametrize(
    "other", [{"userId": "Practitioner/p2"}, {"encounterId": "e2"}, {"hours": 9}, {"days": 2}], ids=str
)
@pytest.mark.parametrize("hook", [SELECT, SIGN])
async def test_a_draft_that_was_given_up_and_is_there_in_another_session_is_spoken_of(place, hook, other):
    await taking_up(place, REPLACE, *CHART)
    place.passes(hours=other.get("hours", 0), days=other.get("days", 0))
    context = {name: value for name, value in other.items() if name not in ("hours", "days")}
    assert await place.rules(hook, *CHART, drafts=(HALF,), **context) == CARD


async def test_an_accepted_dose_mutes_no_later_order(kept):
    dose = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(2.5)])
    chart = (patient(), condition(RBD, id="rbd"))
    await taking_up(kept, "Change the draft", *chart, hook=SIGN, drafts=(dose,))
    assert await kept.rules(SIGN, *chart, drafts=(dose,)) == []
    assert await kept.rules(SIGN, *chart, drafts=(dose | {"id": "d2"},)) == ["clonazepam-dose"]


async def test_a_suggestion_that_is_not_ours_silences_the_draft_and_nothing_else(kept):
    (card,) = await kept.ask(SELECT, *CHART, drafts=(HALF,))
    await kept.feedback(
        kept.entry(card) | {"outcome": "accepted", "acceptedSuggestions": [{"id": "replace, said the client"}]}
    )
    assert await kept.rules(SELECT, *CHART, drafts=(HALF,)) == []
    assert await kept.rules(SELECT, *CHART, drafts=(ANOTHER,)) == CARD


async def test_the_example_of_the_readme_shows_its_card_each_time_it_is_drafted(kept):
    """Whatever was accepted before: each time it is another draft."""
    sent = json.loads((fhir_examples() / "requests" / "order-select-rbd-dementia.json").read_text())
    (half,) = [entry["resource"] for entry in sent["context"]["draftOrders"]["entry"]]
    chart = [e["resource"] for bundle in sent["prefetch"].values() if bundle for e in bundle.get("entry", ())]
    who = {name: sent["context"][name] for name in ("userId", "patientId", "encounterId")}
    for number in range(3):
        drafts = (half | {"id": f"draft-{number}"},)
        (card,) = await kept.ask(SELECT, sent["prefetch"]["patient"], *chart, drafts=drafts, **who)
        await kept.accepts(card, REPLACE)
        kept.passes(minutes=1)


# The draft and what is taken


@pytest.mark.parametrize("reason", ["risk-benefit-ratio", "data-wrong", None, "accepted"])
async def test_an_answer_to_a_draft_says_nothing_of_what_is_taken(kept, reason):
    (card,) = await kept.ask(SELECT, *CHART, drafts=(HALF,))
    await (kept.accepts(card, REPLACE) if reason == "accepted" else kept.overrides(card, reason))
    kept.passes(days=1)
    for user in ("p1", "p2"):
        assert "clonazepam-dementia" in await kept.rules(VIEW, *CHART, TAKEN, userId=f"Practitioner/{user}")


@pytest.mark.parametrize("reason", ["risk-benefit-ratio", "data-wrong", None, "accepted"])
async def test_an_answer_on_opening_the_chart_says_nothing_of_a_draft(kept, reason):
    card = (await kept.ask(VIEW, *CHART, TAKEN))[0]
    await (kept.accepts(card, REVIEW) if reason == "accepted" else kept.overrides(card, reason))
    kept.passes(days=1)
    assert await kept.rules(SELECT, *CHART, TAKEN, drafts=(HALF,)) == CARD
    assert await kept.rules(SIGN, *CHART, drafts=(HALF,)) == CARD
    assert "clonazepam-dementia" not in await kept.rules(VIEW, *CHART, TAKEN)


async def test_a_task_started_from_a_draft_mutes_drafts_of_that_drug_and_not_what_is_taken(kept):
    await taking_up(kept, REVIEW, *CHART, TAKEN)
    kept.passes(days=300)
    chart = (*CHART, TAKEN | {"authoredOn": "2027-03-01"})
    assert await kept.rules(SELECT, *chart, drafts=(ANOTHER,)) == []
    assert "clonazepam-dementia" in await kept.rules(VIEW, *chart)
    kept.passes(days=66)
    assert await kept.rules(SELECT, *chart, drafts=(ANOTHER,)) == CARD


# What was started


async def test_what_was_started_mutes_only_the_findings_that_offered_it(kept):
    """Physiotherapy is the answer to the falls; it says nothing of the apnea beside them."""
    fell = condition(FALL, id="fall", onsetDateTime="2026-05-01")
    apnea = condition(named("obstructive sleep apnea"), id="apnea")
    chart = (patient(), fell, apnea)
    assert await kept.rules(SELECT, *chart, drafts=(HALF,)) == ["clonazepam-falls", "clonazepam-sleep-apnea"]
    await taking_up(kept, "physiotherapy", *chart)
    kept.passes(days=1)
    assert await kept.rules(SELECT, *chart, drafts=(ANOTHER,)) == ["clonazepam-sleep-apnea"]


async def test_a_replacement_and_a_referral_accepted_together_count_each_as_its_kind(kept):
    fell = condition(FALL, id="fall", onsetDateTime="2026-05-01")
    chart = (patient(), fell)
    (card,) = await kept.ask(SELECT, *chart, drafts=(HALF,))
    await kept.accepts(card, "physiotherapy", REMOVE)
    kept.passes(days=1)
    assert await kept.rules(SELECT, *chart, drafts=(ANOTHER,)) == []
    assert await kept.rules(VIEW, *chart, TAKEN) == ["clonazepam-falls"]


# Overriding


async def test_an_override_holds_for_the_drug_the_dose_and_the_finding(kept):
    (card,) = await kept.ask(SELECT, *CHART, drafts=(HALF,))
    await kept.overrides(card, "risk-benefit-ratio")
    kept.passes(days=3)
    assert await kept.rules(SELECT, *CHART, drafts=(ANOTHER,), userId="Practitioner/p2") == []
    assert (await kept.rules(SELECT, *CHART, drafts=(DOUBLE,)))[:1] == CARD
    sertraline = draft(SERTRALINE, id="d3", dosageInstruction=[dosage(50)])
    assert await kept.rules(SELECT, *CHART, drafts=(sertraline,)) == ["rbd-drug-new"]
    assert await kept.rules(SELECT, *CHART, drafts=(ANOTHER,), within="tenant-b") == CARD


# Saved again


def saved_again(resource):
    meta = {"versionId": "7", "lastUpdated": "2026-06-14T10:00:00Z"}
    return resource | {"meta": meta, "text": {"status": "generated", "div": "<div>saved again</div>"}}


async def test_what_is_saved_again_with_new_meta_and_narrative_is_what_it_was(kept):
    (card,) = await kept.ask(SELECT, *CHART, drafts=(HALF,))
    await kept.overrides(card, "data-wrong")
    kept.passes(days=1)
    chart = tuple(saved_again(resource) for resource in CHART)
    assert await kept.rules(SELECT, *chart, drafts=(saved_again(ANOTHER),)) == []


async def test_a_draft_beside_it_that_is_saved_again_is_what_it_was(kept):
    """The finding rests on a second draft, whose version counts as little."""
    phenelzine = draft(named("phenelzine 15 mg tablet"), id="m", dosageInstruction=[dosage(45)])
    sertraline = draft(SERTRALINE, id="s", dosageInstruction=[dosage(50)])
    (card,) = await kept.ask(SIGN, patient(), drafts=(phenelzine, sertraline))
    await kept.overrides(card, "data-wrong")
    kept.passes(days=1)
    again = (saved_again(phenelzine), saved_again(sertraline))
    assert await kept.rules(SIGN, patient(), drafts=again) == []
    stronger = again[0] | {"dispenseRequest": {"quantity": {"value": 900}}}
    assert await kept.rules(SIGN, patient(), drafts=(stronger, again[1])) == ["maoi-combination"]


async def test_a_draft_whose_dose_cannot_be_read_is_the_same_when_saved_again(place):
    words = HALF | {"dosageInstruction": [{"text": "half a tablet at night"}]}
    (card,) = await place.ask(SELECT, *CHART, drafts=(words,))
    await place.overrides(card, "limited-time")
    assert await place.rules(SIGN, *CHART, drafts=(saved_again(words),)) == []


async def test_a_pair_that_is_stable_under_the_specialist_stays_silent_until_one_of_it_is_ordered_anew(kept):
    def taken(trazodone):
        phenelzine = request(
            named("phenelzine 15 mg tablet"), id="m", authoredOn="2025-06-01", dosageInstruction=[dosage(45)]
        )
        other = request(
            named("trazodone 50 mg"), id="t", authoredOn="2025-06-01", dosageInstruction=[dosage(trazodone)]
        )
        return patient(), phenelzine, other

    (card,) = await kept.ask(VIEW, *taken(50))
    assert card.indicator == "warning"
    await kept.overrides(card, "stable-specialist")
    kept.passes(days=200)
    assert await kept.rules(VIEW, *taken(50)) == []
    assert await kept.rules(VIEW, *taken(100)) == ["maoi-combination"]
    again = draft(named("trazodone 50 mg"), id="d9", dosageInstruction=[dosage(50)])
    assert await kept.rules(SIGN, *taken(50), drafts=(again,)) == ["maoi-combination"]
