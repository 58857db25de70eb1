"""Who may ask about a synthetic patient without entering the record: nobody but the probe, and about no other."""

import json

import pytest
import structlog

from cds_service.authoring.probes import probes
from cds_service.cli.start import cases_of
from cds_service.errors import SettingsError
from cds_service.settings import Settings
from cds_service.trust.clients import read_clients
from tests.case_runs import ruleset
from tests.trust.ehr import BASE, CLIENTS, clients_file, guarding, token

__all__ = ["clients_file"]
pytestmark = pytest.mark.anyio


def bodies():
    """The probe of a rule, and the same call about a patient of the site."""
    today = Settings().today()
    probe = next(one for one in probes(*cases_of(ruleset()), today) if one.rule == "clonazepam-dementia")
    name = json.loads(probe.body)["context"]["patientId"]
    return probe, probe.body.replace(name.encode(), b"pat-1")


async def recorded(clients_file, body, service):
    """How many calls are on record after this one."""
    async with guarding(clients_file, record="on") as client:
        headers = {"Authorization": f"Bearer {token(aud=f'{BASE}/cds-services/{service}')}"}
        headers["Content-Type"] = "application/json"
        with structlog.testing.capture_logs() as lines:
            answer = await client.post(f"/cds-services/{service}", content=body, headers=headers)
        assert answer.json()["cards"]
        queue = (await client.get("/metrics")).text
        waiting = [line for line in queue.splitlines() if line.startswith("rbd_cds_record_queue")]
        (call,) = [line for line in lines if line["event"] == "call"]
        return sum(float(line.split()[-1]) for line in waiting), call.get("probe", False)


@pytest.mark.parametrize(
    ("is_probe", "synthetic", "enters"), [(True, True, False), (True, False, True), (False, True, True)]
)
async def test_a_call_stays_out_only_of_the_probe_and_about_its_patient(clients_file, is_probe, synthetic, enters):
    text = CLIENTS.replace('services = ["rbd-patient-view"]\n', "")
    clients_file.write_text(text + ("probe = true\n" if is_probe else ""))
    probe, other = bodies()
    queued, told = await recorded(clients_file, probe.body if synthetic else other, probe.service)
    assert (queued > 0) == enters
    assert told != enters


def test_a_client_that_probes_names_no_server(clients_file):
    clients_file.write_text(CLIENTS + 'probe = true\nfhir-servers = ["https://fhir.example.org"]\n')
    with pytest.raises(SettingsError, match="probe: it asks about synthetic patients only, so name no fhir-servers"):
        read_clients(clients_file)
