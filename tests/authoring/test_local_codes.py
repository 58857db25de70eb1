"""The local codes of a folder of charts that no value set can know."""

import json

import pytest
from click.testing import CliRunner

from cds_service.authoring.local_codes import LocalCode, local_codes
from cds_service.cli.main import main
from tests.charts import ALZHEIMER, CLONAZEPAM, coded, condition, named, request, vocabulary

LOCAL = "urn:oid:9.9"
DRUG, DIAGNOSIS = coded(LOCAL, "4711"), coded(LOCAL, "D1", "Altersleiden")


def written(folder, name, *lines):
    (folder / name).write_text("\n".join(json.dumps(line) for line in lines))
    return local_codes(folder, vocabulary())


def test_codes_of_unread_systems_are_counted_wherever_they_stand(tmp_path):
    bundle = {"resourceType": "Bundle", "entry": [{"resource": request(DRUG)}, {"resource": condition(DIAGNOSIS)}]}
    written(tmp_path, "hook.json", {"context": {"draftOrders": bundle}, "prefetch": {"a": bundle}})
    contained = request(None, contained=[{"resourceType": "Medication", "id": "m", "code": DRUG}])
    found = written(tmp_path, "list.ndjson", request(DRUG), contained)
    assert found == {LocalCode("drug", LOCAL, "4711"): 4, LocalCode("diagnosis", LOCAL, "D1"): 2}


@pytest.mark.parametrize(
    "known",
    [
        request(CLONAZEPAM),
        request(coded(LOCAL, "4711", "clonazepam 0.5 mg")),
        request(named("house mixture")),
        request(coded("http://www.nlm.nih.gov/research/umls/rxnorm", "1191")),
        condition(ALZHEIMER),
        condition(coded(LOCAL, "D1", "Alzheimer's disease")),
        request({"coding": "odd"}),
    ],
)
def test_what_is_known_by_code_or_words_or_coded_in_a_read_system_is_not_listed(tmp_path, known):
    assert not written(tmp_path, "chart.json", known)


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "odd.json").write_text("{")
    with pytest.raises(ValueError, match=r"odd\.json is no JSON"):
        local_codes(tmp_path, vocabulary())


def test_the_command_lists_the_most_frequent_first(tmp_path):
    written(tmp_path, "list.ndjson", condition(DIAGNOSIS), request(DRUG), request(DRUG))
    lines = CliRunner().invoke(main, ["codes", str(tmp_path)]).output.splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["2", "drug", "urn:oid:9.9|4711"],
        ["1", "diagnosis", "urn:oid:9.9|D1"],
    ]
    assert lines[2].startswith("2 unknown codes in ")
