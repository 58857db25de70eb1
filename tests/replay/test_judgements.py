"""What a replay writes can be read again, and holds nothing but ids and names of ours."""

import msgspec

from cds_service.replay.judgements import JUDGEMENTS, Judgement, ShownCard, Verdict, read_judgements

JUDGED = Judgement(
    patient="p1",
    day="2026-06-15",
    hook="order-sign",
    service="rbd-order-sign",
    event="MedicationRequest/9",
    age="65-74",
    sex="female",
    cards=(ShownCard("clonazepam-dementia", ("clonazepam-dementia",), "warning", ("MedicationRequest/9",)),),
    outcomes={"rbd-screen": (Verdict("not_started"),)},
    of_orders={"MedicationRequest/9": {"clonazepam-dementia": (Verdict("found", "dementia"),)}},
    unreadable={"conditions: Condition.code": 2},
)


def test_judgements_of_several_files_come_in_their_order(tmp_path):
    judged = [msgspec.structs.replace(JUDGED, patient=name) for name in ("a", "b", "c")]
    for number, part in enumerate((judged[:2], judged[2:])):
        lines = b"".join(msgspec.json.encode(one) + b"\n" for one in part)
        (tmp_path / JUDGEMENTS.format(number)).write_bytes(lines)
    assert list(read_judgements(tmp_path)) == judged


def test_what_is_as_it_is_by_default_is_not_written():
    silent = Judgement(patient="p1", day="2026-06-15", hook="patient-view", service="rbd-patient-view")
    told = msgspec.json.encode(silent)
    assert told == b'{"patient":"p1","day":"2026-06-15","hook":"patient-view","service":"rbd-patient-view"}'
    assert msgspec.json.decode(told, type=Judgement) == silent


def test_a_verdict_is_an_array_and_cards_and_verdicts_name_their_orders():
    told = msgspec.json.decode(msgspec.json.encode(JUDGED))
    assert told["outcomes"] == {"rbd-screen": [["not_started", "", ""]]}
    assert told["of_orders"] == {"MedicationRequest/9": {"clonazepam-dementia": [["found", "dementia", ""]]}}
    assert list(JUDGED.verdicts()) == [
        ("rbd-screen", "", Verdict("not_started")),
        ("clonazepam-dementia", "MedicationRequest/9", Verdict("found", "dementia")),
    ]
    assert told["cards"] == [
        {
            "topic": "clonazepam-dementia",
            "rules": ["clonazepam-dementia"],
            "indicator": "warning",
            "orders": ["MedicationRequest/9"],
        }
    ]
