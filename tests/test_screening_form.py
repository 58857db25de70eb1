"""The screening form is a valid Questionnaire in words of its own, is served, and fits the answers that are read."""

import json
import re

import pytest

from cds_service.content.forms import CANONICAL, FILE, PATH, faults_of_form
from cds_service.content.overlay import CardFiles
from cds_service.content.places import cards, fhir_examples
from cds_service.facts.queries import QUESTIONS
from cds_service.fhir.validity import faults_in
from cds_service.settings import Settings
from tests.case_runs import case_results

TEXT = (cards(Settings()) / FILE).read_text(encoding="utf-8")
FORM = json.loads(TEXT)
ITEMS = {item["linkId"]: item for item in FORM["item"]}
SERVICE = Settings().public_url
PARTS = [json.loads(path.read_text()) for path in sorted((fhir_examples() / "parts").glob("answers-*.json"))]
each_part = pytest.mark.parametrize("part", PARTS, ids=[part["id"] for part in PARTS])


def test_the_form_is_valid_fhir_r4():
    assert faults_in(FORM) == []


def test_every_question_is_a_yes_or_no_and_the_informant_a_choice():
    assert {link: item["type"] for link, item in ITEMS.items()} == {
        **dict.fromkeys(QUESTIONS, "boolean"),
        "informant": "choice",
    }
    told = [option["valueCoding"] for option in ITEMS["informant"]["answerOption"]]
    assert {(coding["system"], coding["code"]) for coding in told} == {
        ("urn:org.rbd-cds:codes", "patient"),
        ("urn:org.rbd-cds:codes", "bed-partner"),
    }


def test_no_question_borrows_the_words_of_a_published_instrument():
    asked = " ".join(item["text"].lower() for item in FORM["item"])
    borrowed = r"act\w* out|punching|flailing|running movements|vivid|aggressive|swearing|gestures|have you ever"
    assert not re.search(borrowed, asked)


@each_part
def test_the_example_answers_answer_this_form(part):
    assert part["questionnaire"] == f"{SERVICE}{PATH}|{FORM['version']}"
    given = {item["linkId"]: item["answer"][0] for item in part["item"]}
    assert given.keys() <= ITEMS.keys()
    for link, answer in given.items():
        assert list(answer) == ["valueCoding" if link == "informant" else "valueBoolean"]
    if "only-at-sleep-onset" in given:
        assert given["brief-jerks"] == {"valueBoolean": True}, "the question is asked only about jerks"


def test_one_example_answers_every_question_in_the_order_of_the_form():
    (complete,) = (part for part in PARTS if part["id"] == "answers-complete")
    assert [item["linkId"] for item in complete["item"]] == list(ITEMS)


@pytest.mark.anyio
async def test_the_form_is_served_at_its_address(client):
    answer = await client.get("/Questionnaire/rbd-screen")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.text == TEXT.replace("{service}", SERVICE)
    assert answer.json()["url"] == f"{SERVICE}{PATH}", "its canonical address is where it is served"


@pytest.mark.anyio
async def test_who_holds_the_form_already_gets_it_no_second_time(client):
    etag = (await client.get("/Questionnaire/rbd-screen")).headers["etag"]
    answer = await client.get("/Questionnaire/rbd-screen", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.anyio
async def test_the_form_takes_no_answers(client):
    answer = await client.post("/Questionnaire/rbd-screen", json={})
    assert answer.status_code == 405


def test_the_task_refers_to_the_form_by_address_and_canonical():
    (asked,) = (r for r in case_results("rbd-screen") if r.case.name == "movements-unasked")
    task = asked.card.suggestions[0].actions[0].resource
    assert task["focus"]["reference"] == task["focus"]["identifier"]["value"] == f"{SERVICE}{PATH}"
    assert task["code"]["coding"][0]["code"] == FORM["code"][0]["code"]


def broken(folder, change):
    form = json.loads(TEXT)
    change(form)
    (folder / FILE).write_text(json.dumps(form))
    return faults_of_form(CardFiles(folder))


def test_a_folder_without_the_form_is_refused(tmp_path):
    assert faults_of_form(CardFiles(tmp_path)) == [f"{FILE}: the file is missing"]


def test_a_form_that_is_not_json_is_refused(tmp_path):
    (tmp_path / FILE).write_text("{")
    assert faults_of_form(CardFiles(tmp_path))[0].startswith(f"{FILE}: not JSON")


def test_a_form_of_another_name_is_refused(tmp_path):
    assert broken(tmp_path, lambda form: form.update(url="urn:other")) == [f"{FILE}: url: write {CANONICAL}"]


def test_a_form_that_asks_too_little_or_too_much_is_refused(tmp_path):
    def change(form):
        form["item"][-1]["linkId"] = "recall"

    assert broken(tmp_path, change) == [
        f"{FILE}: item: 'dream-recall' is to be asked, with the type boolean",
        f"{FILE}: item: nothing reads the answer to 'recall'",
    ]
