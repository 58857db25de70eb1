"""Every case of every card, through the whole path, as the hook request that a client would send."""

import json

import httpx
import pytest

from cds_service.authoring.cases import DAY
from cds_service.content.not_checked import ID as NOT_CHECKED
from cds_service.fhir.validity import faults_in
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from tests.calling import rules_of
from tests.case_runs import PARTS, case_results, cases, runner
from tests.contract import read_validated

CASES = [(rule, case) for rule, found in cases().items() for case in found]
each_case = pytest.mark.parametrize(("rule", "case"), CASES, ids=[f"{rule}/{case.name}" for rule, case in CASES])
each_rule = pytest.mark.parametrize("rule", cases())


@each_case
def test_case(rule, case):
    found = next(result for result in case_results(rule) if result.case is case)
    assert list(runner().disagreements(found)) == [], case.says


@each_rule
@pytest.mark.anyio
async def test_the_cases_get_the_same_cards_over_http(rule):
    app = create_app(Application(Settings.read({"CDS_TODAY": DAY.isoformat(), "CDS_RECORD": "off"})))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        for result in case_results(rule):
            request = read_validated(json.dumps(runner().request(rule, result.case)).encode(), "request")
            answer = await client.post(f"/cds-services/rbd-{result.case.hook}", json=request)
            shown = [card for card in read_validated(answer.content)["cards"] if rules_of(card) != [NOT_CHECKED]]
            said = [(card["summary"], card["detail"]) for card in shown]
            assert answer.status_code == 200, result.case.name
            assert said == [(card.summary, card.detail) for card in result.decision.cards], result.case.name


@each_rule
def test_the_resources_of_the_cases_are_fhir_r4_unless_a_case_is_about_what_cannot_be_read(rule):
    for case in cases()[rule]:
        faults = [fault for item in (*case.chart, *case.drafts) for fault in faults_in(PARTS.resource(item))]
        assert not faults or case.name.endswith("unreadable"), f"{case.name}: {faults}"
