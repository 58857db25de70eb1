"""Read in stages: the same cards as with everything read, and nothing that could not change them."""

import copy
import gc
import json
import weakref
from collections import Counter

import msgspec
import pytest

from cds_service.authoring.cases import DAY, Case
from cds_service.decisions import gather as gathering
from cds_service.decisions.cards import Visit
from cds_service.decisions.decide import conclude, judge
from cds_service.decisions.gather import gather_sent
from cds_service.decisions.service import DecisionService
from cds_service.decisions.sources import Pace, Sources
from cds_service.decisions.stages import Started
from cds_service.errors import ContractBroken, DataMissing
from cds_service.facts import collections as made_of
from cds_service.facts.queries import DRUG_KEYS, READS, TEMPLATES, collections
from cds_service.fhir_client.access import FhirAccess, FhirGrant
from cds_service.fhir_client.egress import Resolver, Servers, networks
from cds_service.hooks import prefetch, requests as calls
from cds_service.hooks.hooks import HOOKS
from cds_service.hooks.requests import parse_request
from tests.calling import answered_to, application_with, requests, without_uuids
from tests.case_runs import PARTS, cases, ruleset, runner
from tests.contract import speaking_to
from tests.fhir_client import misbehaving
from tests.fhir_client.misbehaving import searchset, sends

pytestmark = pytest.mark.anyio

RULES = ruleset()
DECISIONS = DecisionService(RULES, lambda: DAY)
each_rule = pytest.mark.parametrize("rule", cases())


def service_of(body):
    return DECISIONS.services[f"rbd-{body['hook']}"]


def parsed(body):
    return parse_request(json.dumps(body).encode(), service_of(body))


def variants(body):
    """The request whole, and with each of its keys left out."""
    yield body
    for key in body["prefetch"]:
        yield body | {"prefetch": {name: value for name, value in body["prefetch"].items() if name != key}}


def shown(response):
    return without_uuids(json.loads(response.encode())["cards"])


def with_everything(body):
    """The cards of every rule of the service, each run on all that was sent, whatever starts it."""
    hook, service = parsed(body), service_of(body)
    text = RULES.content.service(service.id)
    facts = gather_sent(hook, service.prefetch, RULES.content, DAY)
    visit = Visit(hook.user_id, hook.patient_id, hook.encounter_id)
    return conclude(RULES, text, judge(RULES, text, facts, visit, Started(text.rules)), visit, {})


async def in_stages(body, *not_served):
    grant = FhirGrant(FhirAccess(1), Servers(), frozenset(not_served))
    return await DECISIONS.answer(parsed(body), service_of(body), grant)


# The same answer


@each_rule
async def test_the_answer_is_that_of_everything_read_also_without_any_one_key(rule):
    for case in cases()[rule]:
        for body in variants(runner().request(rule, case)):
            await same_answer(body, case.name)


async def same_answer(body, name):
    whole = with_everything(body)
    try:
        answered = await in_stages(body)
    except DataMissing:
        assert not whole.found, name
        return
    decision = answered.decision
    assert (decision.found, decision.gate) == (whole.found, whole.gate), name
    assert [card.summary for card in decision.cards] == [card.summary for card in whole.cards], name
    assert [card.detail for card in decision.cards] == [card.detail for card in whole.cards], name
    started = set(decision.started.rules)
    assert decision.undetermined == {r: why for r, why in whole.undetermined.items() if r in started}, name


@pytest.mark.parametrize("name", requests())
async def test_an_example_is_answered_as_with_everything_read(name):
    for body in variants(requests()[name]):
        await same_answer(body, name)


# Nothing beyond what can change it


@each_rule
async def test_no_collection_is_made_that_neither_starts_a_rule_nor_is_declared_by_one_that_started(rule):
    for case in cases()[rule]:
        body = runner().request(rule, case)
        answered = await in_stages(body)
        if answered.facts is not None:
            hook = HOOKS[body["hook"]]
            named = [RULES.rules[name] for name in RULES.content.service(service_of(body).id).rules]
            starting = {name for one in named for t in counting(one, hook) for name in t.chart}
            read = (collections(RULES.rules[name].reads) for name in answered.decision.started.rules)
            tasks = (
                {"plans"} if any(RULES.rules[name].offers_tasks for name in answered.decision.started.rules) else set()
            )
            assert answered.facts.held.keys() <= starting.union(tasks, *read), case.name


def counting(prepared, hook):
    return [trigger for trigger in prepared.triggers if trigger.counts(prepared.content.about, hook)]


@each_rule
async def test_no_key_is_read_that_no_such_collection_needs(rule):
    for case in cases()[rule]:
        body = runner().request(rule, case)
        hook = parsed(body)
        answered = await DECISIONS.answer(hook, service_of(body))
        if answered.facts is None or answered.decision.gate:
            continue
        started = [RULES.rules[name] for name in answered.decision.started.rules]
        left = {key for one in started for key in one.keys} | {"patient", "encounters", *READS["conditions"]}
        left |= {key for key in READS["answers"] + READS["reports"] + DRUG_KEYS if HOOKS[body["hook"]].is_chart_view}
        left |= {"tasks"} if any(one.offers_tasks for one in started) else set()
        possible = {name for one in RULES.rules.values() for t in one.triggers if t.drafts for name in t.chart}
        left |= {key for name in possible for key in READS[name]}
        read = set(TEMPLATES) - {
            *hook.prefetch.states().get("not read", ()),
            *hook.prefetch.states().get("left out", ()),
        }
        assert read <= left, case.name


UNRELATED = Case(
    name="unrelated",
    says="An order that concerns no rule",
    hook="order-sign",
    chart=("patient-78f", "condition-alzheimer", "condition-rbd"),
    drafts=("draft-aspirin",),
    expect="silent",
)


DIED = msgspec.structs.replace(UNRELATED, chart=("patient-deceased", "condition-alzheimer"))


def as_written(body, **changed):
    """The request with its prefetch last, as most clients send it."""
    return json.dumps({name: body[name] for name in sorted(body, key=lambda n: n == "prefetch")} | changed).encode()


async def test_an_order_that_starts_nothing_has_no_value_of_its_prefetch_decoded(monkeypatch):
    decoded = []
    monkeypatch.setattr(prefetch, "read_value", lambda *given: decoded.append(given))
    body = runner().request("clonazepam-dementia", UNRELATED)
    service = service_of(body)
    for written in (as_written(body), json.dumps({"prefetch": body["prefetch"], **body}).encode()):
        answered = await answered_to(DECISIONS, written, service)
        assert (answered.response.cards, answered.facts, decoded) == ((), None, [])
        assert len(answered.decision.started.not_started) == len(RULES.content.service(service.id).rules)


async def test_what_stands_behind_the_head_of_such_an_order_is_not_looked_at():
    body = runner().request("clonazepam-dementia", UNRELATED)
    service = service_of(body)
    broken = as_written(body)[:-40]
    answered = await answered_to(DECISIONS, broken, service)
    assert answered.response.cards == ()


# The order of the members


def orders_of(body):
    """The members of a body in every order of context, prefetch and the others, with words that could mislead."""
    rest = {name: value for name, value in body.items() if name not in ("context", "prefetch")}
    context, sent = {"context": body["context"]}, {"prefetch": body["prefetch"]}
    misleading = {"extension": {"prefetch": {}, "said": 'a "prefetch": in words', "names": ["x", "prefetch", "y"]}}
    for made in (
        {**sent, **rest, **context},
        {**rest, **sent, **context},
        {**rest, **context, **sent},
        {**context, **sent, **rest},
        {**misleading, **rest, **context, **sent},
        {**rest, **context, "note": "prefetch", **sent},
        {**rest, **context, **sent, **misleading},
    ):
        yield json.dumps(made).encode()
    yield json.dumps({**rest, **context, **sent}, indent=1).encode()


def twice(body, name, first):
    """A body in which a member stands twice, the first time before the prefetch; the last one counts."""
    rest = {key: value for key, value in body.items() if key not in (name, "prefetch")}
    members = [*rest.items(), (name, first), ("prefetch", body["prefetch"]), (name, body[name])]
    return f"{{{', '.join(f'{json.dumps(key)}: {json.dumps(value)}' for key, value in members)}}}".encode()


@pytest.mark.parametrize("name", ["order-sign-rbd-dementia", "order-select-rbd-dementia-aspirin-selected"])
async def test_the_order_of_the_members_changes_nothing(name):
    body = requests()[name]
    service = service_of(body)
    expected = shown((await DECISIONS.answer(parsed(body), service)).response)
    for written in orders_of(body):
        answered = await answered_to(DECISIONS, written, service)
        assert shown(answered.response) == expected, written[:80]


async def test_of_a_member_that_stands_twice_the_last_counts_wherever_it_stands():
    body = requests()["order-sign-rbd-dementia"]
    service, told = service_of(body), body["context"]
    other = runner().request("clonazepam-dementia", UNRELATED)["context"] | {"patientId": told["patientId"]}
    answered = await answered_to(DECISIONS, twice(body, "context", other), service)
    assert answered.decision.found
    answered = await answered_to(DECISIONS, twice(body | {"context": other}, "context", told), service)
    assert not answered.decision.found


# Drafts read once


async def test_a_draft_that_starts_a_rule_is_read_and_named_once(monkeypatch):
    read, named = [], []
    read_draft, ordered_by = calls.read_draft, made_of.ordered
    monkeypatch.setattr(calls, "read_draft", lambda *given: read.append(given) or read_draft(*given))
    monkeypatch.setattr(made_of, "ordered", lambda *a, **b: named.append(a) or ordered_by(*a, **b))
    body = requests()["order-sign-rbd-dementia"]
    answered = await answered_to(DECISIONS, as_written(body), service_of(body))
    assert answered.decision.found
    assert (len(read), len(named)) == (1, 1)


async def test_a_draft_whose_medication_comes_with_the_prefetch_is_named_when_that_is_read():
    body = copy.deepcopy(requests()["order-sign-rbd-dementia"])
    (entry,) = body["context"]["draftOrders"]["entry"]
    drug = entry["resource"].pop("medicationCodeableConcept")
    entry["resource"]["medicationReference"] = {"reference": "Medication/m1"}
    medication = {"resourceType": "Medication", "id": "m1", "code": drug}
    body["prefetch"]["medicationRequests"] = searchset(PARTS.resource("current-sertraline"), medication)
    answered = await answered_to(DECISIONS, as_written(body), service_of(body))
    assert "clonazepam-dementia" in answered.decision.found


@pytest.mark.parametrize("drafted", ["draft-clonazepam-rbd", "draft-aspirin"])
async def test_what_cannot_be_read_of_a_draft_is_told_whether_its_head_was_read_first_or_not(drafted):
    case = msgspec.structs.replace(UNRELATED, drafts=(drafted,))
    body = runner().request("clonazepam-dementia", case)
    (entry,) = body["context"]["draftOrders"]["entry"]
    entry["resource"]["status"] = "started"
    head_first = await answered_to(DECISIONS, as_written(body), service_of(body))
    whole = await DECISIONS.answer(parsed(body), service_of(body))
    assert [loss.member for loss in head_first.unreadable] == ["MedicationRequest.status"]
    assert head_first.unreadable == whole.unreadable


# What is not enough to answer


async def refused(body, *not_served):
    with pytest.raises(DataMissing) as refusal:
        await in_stages(body, *not_served)
    return set(refusal.value.keys)


def viewed(*keys):
    """A chart view with these keys alone, each empty but for the patient."""
    body = requests()["patient-view-hypertension"]
    sent = {key: searchset(total=0) for key in keys} | {"patient": body["prefetch"]["patient"]}
    return body | {"prefetch": {key: sent[key] for key in keys}}


@pytest.mark.parametrize("had", [(), ("patient",), ("medicationStatements",), ("patient", "procedures", "encounters")])
async def test_a_chart_of_which_nothing_could_be_judged_is_refused_with_the_keys(had):
    assert await refused(viewed(*had)) == {"patient", "conditions", *DRUG_KEYS} - set(had)


@pytest.mark.parametrize("had", ["conditions", "medicationRequests"])
async def test_conditions_or_drugs_are_enough_for_an_answer(had):
    assert (await in_stages(viewed(had))).decision.undetermined


@pytest.mark.parametrize("key", ["conditions", "medicationRequests"])
async def test_what_a_server_does_not_hold_is_not_had(key):
    missing = {"patient", "conditions", *DRUG_KEYS} - {key}
    assert await refused(viewed(), key) == missing
    assert await refused(viewed("patient", "medicationStatements"), key) == missing - {
        "patient",
        "medicationStatements",
    }
    assert await refused(ordered("draft-clonazepam-rbd", medicationStatements=None), key) == (
        missing - {"medicationStatements"}
    )


async def test_what_a_server_does_not_hold_is_not_missing_beside_what_is_had():
    answered = await in_stages(viewed("patient", "conditions"), *DRUG_KEYS)
    assert answered.facts.gaps.keys().isdisjoint(DRUG_KEYS)
    for body in (viewed("conditions"), ordered("draft-clonazepam-rbd", conditions=None)):
        assert (await in_stages(body, "medicationRequests")).decision.undetermined


async def test_a_drug_that_is_sent_though_the_server_holds_none_is_had():
    current = searchset(PARTS.resource("current-melatonin-9mg"))
    body = ordered("draft-clonazepam-rbd", medicationRequests=current)
    assert (await in_stages(body, "medicationRequests")).decision.undetermined


async def test_a_rule_that_was_judged_is_an_answer_whatever_else_is_missing():
    assert "psg-result" in (await in_stages(viewed("diagnosticReports", "observations"))).decision.started.not_started


def ordered(*drafts, **sent):
    case = msgspec.structs.replace(UNRELATED, drafts=drafts)
    return runner().request("clonazepam-dementia", case) | {"prefetch": sent}


async def test_an_order_that_starts_a_rule_is_refused_where_nothing_of_the_chart_could_be_had():
    assert await refused(ordered("draft-clonazepam-rbd")) == {"patient", "conditions", *DRUG_KEYS}


async def test_an_order_that_starts_nothing_is_answered_without_any_chart():
    assert (await in_stages(ordered("draft-aspirin"))).response.cards == ()


async def test_what_the_draft_itself_tells_is_shown_without_any_chart():
    assert "clonazepam-dose" in (await in_stages(ordered("draft-clonazepam-3mg-rbd"))).decision.found


async def test_a_key_that_no_started_rule_needs_is_not_missing():
    answered = await in_stages(ordered("draft-melatonin-20mg", conditions=None, medicationRequests=None))
    assert answered.facts.gaps.keys() == {"patient", "medicationStatements", "medicationDispenses"}


async def test_no_rule_is_started_for_a_patient_who_has_died():
    body = runner().request("clonazepam-dementia", msgspec.structs.replace(DIED, drafts=("draft-clonazepam-rbd",)))
    decision = (await in_stages(body)).decision
    assert (bool(decision.gate), decision.started) == (True, Started())


async def test_the_patient_of_another_id_is_met_before_any_card_and_not_where_none_can_be():
    another = {"patient": {"resourceType": "Patient", "id": "another"}, "conditions": None}
    with pytest.raises(ContractBroken):
        await in_stages(ordered("draft-clonazepam-rbd", **another))
    assert (await in_stages(ordered("draft-aspirin", **another))).response.cards == ()


# Passes and rounds


@pytest.fixture
def counted(monkeypatch):
    """How often keys were obtained, and how often the server was asked."""
    times = Counter()
    obtain, fetch = Sources.obtain, FhirAccess.fetch

    async def obtained(self, keys, run):
        times["passes"] += 1
        await obtain(self, keys, run)

    async def fetched(self, *given, **named):
        times["rounds"] += 1
        return await fetch(self, *given, **named)

    monkeypatch.setattr(Sources, "obtain", obtained)
    monkeypatch.setattr(FhirAccess, "fetch", fetched)
    return times


@pytest.fixture
async def ehr():
    async with misbehaving.running() as server:
        yield server


@pytest.fixture
async def ours(anyio_backend):
    async with speaking_to(application_with(CDS_DEADLINE_MS="5000")) as client:
        yield client


def holds(server, *parts):
    """Lets the server hold the resources of these parts, all of one patient."""
    found = {}
    patient = next(PARTS.resource(part) for part in parts if part.startswith("patient-"))["id"]
    for part in parts:
        one = PARTS.resource(part, patient)
        found.setdefault(one["resourceType"], []).append(one)
    server.answers = {kind: sends(searchset(*held)) for kind, held in found.items() if kind != "Patient"}
    server.answers["Patient"] = sends(found["Patient"][0])
    return patient


def asks(hook, patient, server, *drafts):
    made = [PARTS.resource(draft, patient) for draft in drafts]
    orders = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in made]}
    context = {"userId": "Practitioner/p1", "patientId": patient} | ({"draftOrders": orders} if drafts else {})
    return {
        "hook": hook,
        "hookInstance": "0d5b2a0e-8a53-4a3b-9d5e-6d1a4e0c1f01",
        "fhirServer": server.url,
        "context": context,
    }


@pytest.mark.parametrize(
    ("parts", "drafts", "queries", "rounds"),
    [
        (("patient-78f", "condition-rbd"), ("draft-aspirin",), 0, 0),
        (("patient-78f",), ("draft-clonazepam-rbd",), 11, 1),
        (("patient-78f", "condition-alzheimer", "condition-rbd"), ("draft-clonazepam-rbd",), 11, 1),
        (("patient-66m",), ("draft-sertraline",), 7, 1),
        (("patient-66m",), ("draft-oxycodone",), 4, 1),
        (("patient-66m", "condition-insomnia"), (), 8, 1),
        (("patient-66m", "condition-rbd", "current-sertraline"), (), 12, 2),
    ],
)
async def test_so_many_queries_are_asked_in_so_many_rounds(ours, ehr, counted, parts, drafts, queries, rounds):
    hook = "order-sign" if drafts else "patient-view"
    answer = await ours.post(f"/cds-services/rbd-{hook}", json=asks(hook, holds(ehr, *parts), ehr, *drafts))
    assert answer.status_code == 200
    assert (len(ehr.asked), counted["rounds"]) == (queries, rounds), sorted(one.name for one in ehr.asked)
    assert bool(ehr.connections) is bool(queries)


@pytest.mark.parametrize("name", requests())
async def test_no_request_takes_more_than_three_passes_and_two_rounds(ours, ehr, counted, name):
    body = copy.deepcopy(requests()[name])
    for value in body["prefetch"].values():
        ehr.answers |= {e["resource"]["resourceType"]: sends(value) for e in value.get("entry", ())[:1]}
    ehr.answers["Patient"] = sends(body["prefetch"]["patient"])
    whole = await ours.post(f"/cds-services/rbd-{body['hook']}", json=body)
    assert counted["passes"] <= 2
    counted.clear()
    fetched = await ours.post(f"/cds-services/rbd-{body['hook']}", json=body | {"prefetch": {}, "fhirServer": ehr.url})
    assert without_uuids(fetched.json()["cards"]) == without_uuids(whole.json()["cards"])
    assert counted["passes"] <= 2
    assert counted["rounds"] <= 2


async def test_all_is_asked_at_once_where_the_server_was_slow_before(ours, ehr, counted, monkeypatch):
    monkeypatch.setattr(Pace, "allows_two", lambda *_: False)
    patient = holds(ehr, "patient-66m", "condition-rbd", "current-sertraline")
    answer = await ours.post("/cds-services/rbd-patient-view", json=asks("patient-view", patient, ehr))
    assert answer.json()["cards"]
    assert counted == {"passes": 1, "rounds": 1}


def test_two_rounds_are_allowed_while_the_first_takes_less_than_a_third_of_what_is_left():
    pace = Pace()
    assert pace.allows_two("https://a", 0.4)
    pace.took("https://a", 0.15)
    assert not pace.allows_two("https://a", 0.4)
    assert pace.allows_two("https://a", 0.46)
    assert pace.allows_two("https://b", 0.1)


async def test_both_rounds_have_one_deadline(ehr, monkeypatch):
    deadlines = []
    fetch = FhirAccess.fetch

    async def fetched(self, *given, deadline):
        deadlines.append(deadline)
        return await fetch(self, *given, deadline=deadline)

    monkeypatch.setattr(FhirAccess, "fetch", fetched)
    body = asks("patient-view", holds(ehr, "patient-66m", "condition-rbd", "current-sertraline"), ehr)
    access = FhirAccess(5, Resolver(networks(("127.0.0.0/8",))))
    await DECISIONS.answer(parsed(body), service_of(body), FhirGrant(access, Servers.listed([ehr.url], open=True)))
    await access.aclose()
    assert len(deadlines) == 2
    assert deadlines[0] is deadlines[1]


# What drafts and entries refer to


def referring(draft, reference, **members):
    made = {key: value for key, value in draft.items() if key != "medicationCodeableConcept"}
    return made | {"medicationReference": {"reference": reference}, **members}


CLONAZEPAM = {"resourceType": "Medication", "id": "m-1", "code": {"text": "clonazepam 0.5 mg tablet"}}
AMLODIPINE = {"resourceType": "Medication", "id": "m-1", "code": {"text": "amlodipine 5 mg tablet"}}


def sent_with_medication(medication):
    """An order whose Medication came along with the medication list."""
    body = copy.deepcopy(requests()["order-sign-rbd-dementia"])
    entry = body["context"]["draftOrders"]["entry"][0]
    entry["resource"] = referring(entry["resource"], "Medication/m-1")
    body["prefetch"]["medicationRequests"].setdefault("entry", []).append({"resource": medication})
    return body


async def test_the_drug_of_a_draft_may_come_along_with_the_medication_list():
    answered = await in_stages(sent_with_medication(CLONAZEPAM))
    assert "clonazepam-dementia" in answered.decision.found


async def test_a_draft_that_turns_out_to_concern_no_rule_ends_there():
    body = sent_with_medication(AMLODIPINE)
    hook = parsed(body)
    answered = await DECISIONS.answer(hook, service_of(body))
    assert (answered.facts, answered.response.cards) == (None, ())
    assert set(TEMPLATES) - {*hook.prefetch.states()["not read"]} == {*DRUG_KEYS}


@pytest.mark.parametrize(("medication", "found"), [(CLONAZEPAM, True), (AMLODIPINE, False)])
async def test_the_drug_of_a_draft_is_fetched_where_nobody_sent_it(ours, ehr, counted, medication, found):
    patient = holds(ehr, "patient-78f", "condition-alzheimer", "condition-rbd")
    ehr.answers["Medication"] = sends(searchset(medication))
    body = asks("order-sign", patient, ehr, "draft-clonazepam-rbd")
    entry = body["context"]["draftOrders"]["entry"][0]
    entry["resource"] = referring(entry["resource"], "Medication/m-1")
    answer = await ours.post("/cds-services/rbd-order-sign", json=body)
    assert bool(answer.json()["cards"]) is found
    assert counted["rounds"] == (2 if found else 1)
    assert [one.name for one in ehr.asked].count("Medication") == 1


STUDIED = Case(
    name="studied",
    says="Another sleep study, for what the problem list says",
    hook="order-sign",
    chart=("patient-63m", "procedure-psg", "condition-rbd"),
    drafts=("draft-psg-no-reason",),
    expect="info",
)


async def test_what_a_draft_is_for_may_be_a_condition_that_no_rule_declares():
    services = tuple(msgspec.structs.replace(one, rules=("psg-repeat",)) for one in RULES.content.services.service)
    offered = msgspec.structs.replace(RULES.content.services, service=services)
    content = msgspec.structs.replace(RULES.content, services=offered)
    alone = DecisionService(msgspec.structs.replace(RULES, content=content), lambda: DAY)
    body = runner().request("psg-repeat", STUDIED)
    (entry,) = body["context"]["draftOrders"]["entry"]
    entry["resource"]["reasonReference"] = [{"reference": "Condition/condition-rbd"}]
    assert "conditions" not in RULES.rules["psg-repeat"].keys
    answered = await alone.answer(parsed(body), service_of(body))
    assert answered.decision.found == ("psg-repeat",)


# No chart outlives its request


@pytest.mark.parametrize("name", ["order-sign-clonazepam-many-risks", "patient-view-restless-legs"])
async def test_a_chart_ends_with_its_request(ours, monkeypatch, name):
    charts = []
    make = gathering.Chart

    def made(*given):
        chart = make(*given)
        charts.append(weakref.ref(chart))
        return chart

    monkeypatch.setattr(gathering, "Chart", made)
    body = requests()[name]
    gc.disable()
    try:
        await ours.post(f"/cds-services/rbd-{body['hook']}", json=body)
        assert charts
        assert [chart() for chart in charts] == [None] * len(charts)
    finally:
        gc.enable()
