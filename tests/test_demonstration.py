"""The service as the manual has a newcomer start it: an example that was answered comes back when it is sent again."""

import re
from pathlib import Path

import pytest

from tests.calling import application_with, requests
from tests.contract import speaking_to

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/first-steps.md", "docs/sandbox.md", "fhir_examples/README.md", "cds_service/cli/fhir.py")
PATH = "/cds-services/rbd-order-select"
ASKED = {"headers": {"Content-Type": "application/json"}, "json": requests()["order-select-rbd-dementia"]}


def told() -> set[str]:
    """The settings of every demonstration that the manual tells of."""
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    return {found.strip() for found in re.findall(r"CDS_TODAY=2026-06-15((?: CDS_\w+=\w+)*)", text)}


def answers(card):
    at = {"card": card["uuid"], "outcomeTimestamp": "2026-06-15T09:30:00Z"}
    reason = {key: card["overrideReasons"][0][key] for key in ("system", "code")}
    yield {**at, "outcome": "overridden", "overrideReason": {"reason": reason}}
    yield {**at, "outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}


@pytest.mark.anyio
@pytest.mark.parametrize("settings", sorted(told()))
async def test_a_card_that_was_answered_comes_back_in_every_demonstration_of_the_manual(settings, tmp_path):
    environ = dict(one.split("=") for one in settings.split()) | {"CDS_VAR": str(tmp_path)}
    async with speaking_to(application_with(**{"CDS_RECORD": "on"} | environ)) as client:
        for _ in range(2):
            (card,) = (await client.post(PATH, **ASKED)).json()["cards"]
            assert card["summary"].startswith("Clonazepam in Alzheimer's disease")
            for entry in answers(card):
                assert (await client.post(f"{PATH}/feedback", json={"feedback": [entry]})).status_code == 200
        assert (await client.post(PATH, **ASKED)).json()["cards"]
    assert not list(tmp_path.iterdir())
