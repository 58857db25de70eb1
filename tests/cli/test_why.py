"""Why a card came, from the command line: of the running service, with two workers, and of the record."""

import asyncio

import httpx
import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from tests.calling import requests
from tests.charts import ALZHEIMER, CLONAZEPAM, condition, dosage, draft, patient
from tests.processes import free_port, serving
from tests.record.site import site

UNKNOWN = "0f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11"


def run(*arguments, **environment):
    return CliRunner().invoke(main, ["why", *arguments], env=environment)


def test_a_service_of_two_workers_tells_the_steps_whichever_of_them_answered(tmp_path):
    with serving(tmp_path, "--workers", "2", CDS_RECORD="off") as (_, port):
        url = f"http://127.0.0.1:{port}"
        for _ in range(3):
            sent = requests()["order-sign-rbd-dementia"]
            (card,) = httpx.post(f"{url}/cds-services/rbd-order-sign", json=sent).json()["cards"]
            done = run(card["uuid"], "--url", url)
            assert done.exit_code == 0, done.output
            assert "clonazepam-dementia 1.0.0 on MedicationRequest/" in done.stdout
            assert "yes     Dementia or cognitive impairment" in done.stdout
        assert run(UNKNOWN, "--url", url, CDS_RECORD="off").exit_code == 1


@pytest.fixture
def recorded(tmp_path):
    async def shown():
        async with site(tmp_path) as at:
            half = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])
            (card,) = await at.ask("order-select", patient(), condition(ALZHEIMER), drafts=(half,))
            await at.overrides(card, "risk-benefit-ratio")
            await at.settled()
            return card.uuid

    return asyncio.run(shown())


def test_where_no_service_answers_the_record_is_read(recorded, tmp_path):
    done = run(recorded, "--url", f"http://127.0.0.1:{free_port()}", CDS_VAR=str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "was not asked (ConnectError)" in done.stderr
    assert "clonazepam-dementia 1.0.0+" in done.stdout
    assert "overridden risk-benefit-ratio" in done.stdout


def test_a_record_that_cannot_be_read_is_not_an_empty_one(tmp_path):
    (tmp_path / "cds-service.sqlite").write_bytes(b"no database " * 400)
    done = run(UNKNOWN, "--url", f"http://127.0.0.1:{free_port()}", CDS_VAR=str(tmp_path))
    assert done.exit_code == 2
    assert "Could not look" in done.stderr


def test_what_is_no_uuid_is_not_asked_for():
    assert "is no uuid" in run("clonazepam-dementia").stderr
