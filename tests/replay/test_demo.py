"""The demonstration export with long charts: as exports of today are, and nothing more to be found in it."""

import json
import statistics

import pytest
from fhir.resources.R4B import get_fhir_model_class  # noqa: TID251

from cds_service.content.places import fhir_examples
from cds_service.replay.demo import write_demo
from cds_service.replay.judgements import read_judgements
from cds_service.replay.lines import NO_WANTED_CODE

PATIENTS, RESULTS = 48, 60


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    write_demo(PATIENTS, folder, fhir_examples(), results=RESULTS)
    return folder


def results(folder):
    """The lines of results that are not of a shipped patient's."""
    lines = (folder / "Observation.ndjson").read_bytes().splitlines()
    return [line for line in lines if b"observation-category" in line and b"us-core" in line]


def test_the_same_number_and_seed_give_the_same_long_charts(long, tmp_path):
    for seed in (1, 2):
        write_demo(PATIENTS, tmp_path / str(seed), fhir_examples(), seed, results=RESULTS)
    first, same, other = (
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (long, tmp_path / "1", tmp_path / "2")
    )
    assert first == same
    assert first["Observation.ndjson"] != other["Observation.ndjson"]


def test_a_result_is_valid_and_as_long_as_those_of_real_exports(long):
    lines = results(long)
    assert 750 < statistics.mean(map(len, lines)) < 900
    for line in lines[:: len(lines) // 20]:
        get_fhir_model_class("Observation").model_validate(json.loads(line))


def test_ordinary_charts_have_so_many_results_as_are_asked_for_and_refer_to_their_visits(long):
    read = [json.loads(line) for line in results(long)]
    ordinary = PATIENTS - PATIENTS // 12
    assert 0.8 * RESULTS < len(read) / ordinary < 1.2 * RESULTS
    visits = {
        f"Encounter/{one['id']}": one["period"]["start"]
        for one in map(json.loads, (long / "Encounter.ndjson").read_bytes().splitlines())
    }
    assert all(one["effectiveDateTime"].startswith(visits[one["encounter"]["reference"]]) for one in read)


def test_of_long_charts_most_lines_are_dropped_and_only_what_is_planted_is_found(long, run, planted):
    told, out = run(long)
    assert told.dropped[NO_WANTED_CODE] > 0.7 * told.lines
    cards = sorted((one.patient, one.hook, c.rules, c.indicator) for one in read_judgements(out) for c in one.cards)
    assert cards == sorted((one.patient, one.hook, one.rules, one.indicator) for one in planted(long))
