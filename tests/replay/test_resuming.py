"""What was begun is gone on with only where it is of the very same export, cards and question."""

import errno
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pytest

from cds_service.cli.replay_workers import executor_of
from cds_service.content.load import load
from cds_service.content.places import fhir_examples, shipped_cards
from cds_service.errors import ReplayError
from cds_service.replay.demo import write_demo
from cds_service.replay.judgements import RUN, read_codes, read_run
from tests.charts import RXNORM
from tests.replay.test_replay import cards, found, write


class Stopped(Exception):
    pass


def stopping(stage, done, _):
    if stage == "judging" and done == 3:
        raise Stopped


def test_a_run_that_was_stopped_goes_on_where_it_was(run, bulk, judged, tmp_path):
    out = tmp_path / "stopped"
    with pytest.raises(Stopped):
        run(bulk, out=out, progress=stopping)
    assert not (out / RUN).exists()
    again = []
    resumed, _ = run(bulk, out=out, progress=lambda *step: again.append(step))
    assert again[0][1] == again[0][2] > 0
    assert ("judging", 3, 8) in again
    assert ("judging", 2, 8) not in again
    assert found(out) == found(judged[1])
    assert resumed == judged[0] == read_run(out)
    assert not (out / ".work").exists()


def test_what_is_left_of_another_question_is_not_gone_on_with(run, bulk, judged, tmp_path):
    out = tmp_path / "other"

    with pytest.raises(Stopped):
        run(bulk, out=out, progress=stopping, hooks=("patient-view",))
    run(bulk, out=out)
    assert found(out) == found(judged[1])


def laid_over(folder, change):
    """Cards that change one value set of those shipped."""
    (folder / "value-sets").mkdir(parents=True, exist_ok=True)
    (folder / "value-sets" / "clonazepam.toml").write_text(change)
    return folder


def test_what_was_judged_with_another_value_set_is_not_gone_on_with(run, bulk, tmp_path):
    out, site = tmp_path / "changed", laid_over(tmp_path / "site", 'add-words = ["klonopin forte"]')
    with pytest.raises(Stopped):
        run(bulk, cards=site, out=out, progress=stopping)
    laid_over(site, f'take-words = ["clonazepam"]\ntake = [{{ system = "{RXNORM}", code = "2598" }}]')
    again = []
    told, _ = run(bulk, cards=site, out=out, progress=lambda *step: again.append(step))
    assert again[0][:2] == ("reading", 0)
    assert ("judging", 0, 8) in again
    assert found(out) == found(run(bulk, cards=site)[1])
    assert "clonazepam-dementia" not in {rule for _, _, rules, _ in cards(out) for rule in rules}
    assert told.cards != load(shipped_cards()).digest


@pytest.mark.parametrize("stage", ["reading", "judging"])
def test_a_process_that_loads_other_cards_than_the_run_began_with_is_refused(run, bulk, tmp_path, stage):
    site = laid_over(tmp_path / "site", 'add-words = ["klonopin forte"]')

    def changing(at, done, of):
        if at == stage and done == 0:
            laid_over(site, 'add-words = ["klonopin piano"]')

    pool = ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1)
    with pool, pytest.raises(ReplayError, match=r"began with program .* and a process has .*: give"):
        run(bulk, cards=site, executor=pool, progress=changing)


def test_a_drug_by_reference_that_is_another_since_is_read_anew(run, tmp_path):
    def with_drug(code):
        lines = [
            {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"},
            {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": RXNORM, "code": code}]}},
            {
                "resourceType": "MedicationRequest",
                "id": "o",
                "status": "active",
                "intent": "order",
                "subject": {"reference": "Patient/p"},
                "authoredOn": "2020-01-01",
                "medicationReference": {"reference": "Medication/m"},
            },
        ]
        folder = write(tmp_path / "export", "all.ndjson", [json.dumps(one).encode() for one in lines])
        return read_codes(run(folder, out=tmp_path / "out")[1]).collections["medications"].known

    assert with_drug("2598") == 1
    assert with_drug("0") == 0


def test_a_second_run_replaces_the_first(run, bulk, judged, tmp_path):
    out = tmp_path / "twice"
    run(fhir_examples() / "patients", out=out)
    run(bulk, out=out)
    assert found(out) == found(judged[1])


def test_threads_are_an_executor_too(run, bulk, judged):
    with ThreadPoolExecutor(1) as pool:
        _, out = run(bulk, executor=pool)
    assert found(out) == found(judged[1])


def test_the_command_is_killed_in_the_middle_and_given_again(tmp_path):
    bulk, out = tmp_path / "bulk", tmp_path / "out"
    write_demo(600, bulk, fhir_examples())
    program = Path(sys.executable).with_name("cds-service")
    command = [program, "replay", bulk, "--as-of", "2026-06-15", "--processes", "1", "--out"]
    environment = {"PATH": os.environ["PATH"], "CDS_RECORD": "off"}
    started = subprocess.Popen([*command, out], env=environment, stdout=subprocess.DEVNULL)
    while started.poll() is None and not list(out.glob(".work/judged-*.json")):
        pass
    started.send_signal(signal.SIGKILL)
    started.wait()
    for folder in (out, tmp_path / "whole"):
        subprocess.run([*command, folder], env=environment, check=True, stdout=subprocess.DEVNULL)
    assert found(out) == found(tmp_path / "whole")
    assert (out / RUN).read_bytes() == (tmp_path / "whole" / RUN).read_bytes()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The replay cannot go on: No space left on device."),
        (BrokenProcessPool("a child died"), "A process was ended from outside, perhaps for want of memory"),
    ],
)
def test_a_full_disk_and_a_lost_process_end_the_command_with_a_sentence(capsys, fault, told):
    with pytest.raises(SystemExit) as ended, executor_of(1):
        raise fault
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(told)
    assert "The same command goes on where it was." in said
