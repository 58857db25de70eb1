"""What must hold across the content files."""

import pytest

from cds_service.content.load import load
from cds_service.errors import ContentError

CARD = "tremor/card.toml"
EDITS = {
    "an-id-that-is-not-its-folder": (CARD, 'id = "tremor"', 'id = "chorea"', "id: 'chorea' is not the name"),
    "an-unknown-family": (CARD, 'family = "tremor"', 'family = "chorea"', "family: 'chorea' is not in families.toml"),
    "an-unknown-read": (CARD, '"conditions"]', '"horoscopes"]', "reads: 'horoscopes' is none of"),
    "a-read-of-no-value-set": (CARD, '"conditions"]', '"observations:luck"]', "reads: no value set 'luck'"),
    "a-start-of-no-value-set": (CARD, '["rbd"]', '["luck"]', "triggers: no value set 'luck'"),
    "no-start": (CARD, '[{ conditions = ["rbd"] }]', "[]", "triggers: name at least one value set"),
    "a-start-without-value-sets": (CARD, '["rbd"] }]', "[] }]", "triggers: conditions: name at least one value set"),
    "a-start-nowhere": (
        CARD,
        "{ conditions =",
        "{ stars =",
        "triggers: 'stars' is none of drafts, reasons, medications",
    ),
    "a-start-in-what-is-not-read": (CARD, "{ conditions =", "{ events =", "triggers: the rule does not read events"),
    "a-start-by-drafts-that-are-not-read": (CARD, "{ conditions =", "{ drafts =", "the rule does not read orders"),
    "a-start-of-another-kind": (
        CARD,
        '"conditions"]\ntriggers = [{ conditions =',
        '"conditions", "requests"]\ntriggers = [{ requests =',
        "triggers: requests hold nothing of 'rbd'",
    ),
    "an-order-that-need-not-be-drafted": (
        CARD,
        'about = "patient"',
        'about = "each-order"',
        "triggers: a rule about orders names drafts in every alternative",
    ),
    "a-drug-that-need-not-be-taken": (
        CARD,
        'about = "patient"',
        'about = "each-drug"',
        "triggers: a rule about current drugs has an alternative of medications without drafts",
    ),
    "evidence-of-nobody": (CARD, 'id = "source-1"', 'id = "source-2"', "evidence: 'source-2' is not in evidence.toml"),
    "a-source-of-a-variant-alone": (
        CARD,
        'found = ["{what}"]',
        'found = ["{what}"]\ncites = ["source-2"]',
        "card.found.cites: 'source-2' is not among",
    ),
    "an-unknown-reason": (CARD, '["data-wrong"]', '["whim"]', "override: 'whim' is not in override-reasons.toml"),
    "six-reasons": (CARD, '["data-wrong"]', str(["data-wrong"] * 6), "override: 6 reasons; a card offers at most 5"),
    "an-unknown-statement": (CARD, "statements = []", 'statements = ["S9-99"]', "'S9-99' is not in statements.toml"),
    "a-homeless-statement": ("statements.toml", "", '["S1-01"]\nsays = "x"\n', "S1-01: without a home"),
    "a-statement-that-nothing-shows": (
        "statements.toml",
        "",
        '["S1-01"]\nsays = "x"\nquestions = ["injury"]\n',
        "S1-01: name either the case that shows it or, in not-computed, why none does",
    ),
    "a-statement-shown-and-not-computed": (
        "statements.toml",
        "",
        '["S1-01"]\nsays = "x"\ncase = "tremor/shakes"\nnot-computed = "y"\n',
        "S1-01: name either the case that shows it or, in not-computed, why none does",
    ),
    "a-home-that-is-not-there": (
        "statements.toml",
        "",
        '["S1-01"]\nsays = "x"\nplaces = ["gone.md"]\n',
        "places: no file gone.md",
    ),
    "an-unknown-question": (
        "statements.toml",
        "",
        '["S1-01"]\nsays = "x"\nquestions = ["colour"]\n',
        "'colour' is no question of the screening form",
    ),
    "an-unknown-link": (
        CARD,
        "statements = []",
        'statements = []\nlinks = ["x"]',
        "links: 'x' is neither in links.toml nor a leaflet",
    ),
    "a-criterion-twice": (CARD, 'id = "cold"', 'id = "shakes"', "criteria: 'shakes' stands twice"),
    "a-number-nobody-gives": (CARD, "{limit}", "{speed}", "criteria.shakes: {speed} is no parameter"),
    "a-number-without-which-no-drug-is-read": (
        "phenotypes/current-drug.toml",
        "[parameter.grace-days]",
        "[parameter.grace]",
        "phenotypes/current-drug.toml: parameter.grace-days: is missing",
    ),
    "a-number-nobody-gives-in-when": (
        CARD,
        'when = "Always."\ntext',
        'when = "{x}"\ntext',
        "note.common.when: {x} is no",
    ),
    "a-brace-left-open": (CARD, "{warm} degrees", "{warm degrees", "criteria.cold:"),
    "a-brace-left-open-on-a-card": (CARD, "{what} found", "{what found", "card.found.summary:"),
    "a-value-nobody-declares": (
        CARD,
        "{what} found",
        "{waht} found",
        "card.found: {waht} is no number and none of its",
    ),
    "a-value-no-text-names": (
        CARD,
        'values = ["what"]',
        'values = ["what", "who"]',
        "card.found: values: 'who' is named by",
    ),
    "a-value-in-a-note": (
        CARD,
        "Tremor is common",
        "{Tremor} is common",
        "note.common: {Tremor} is no number and none",
    ),
    "a-value-in-a-suggestion": ("suggestions.toml", '"Refer"', '"Refer {whom}"', "refer: {whom} is no number and none"),
    "a-value-in-a-resource": (
        "suggestions/referral.json",
        "draft",
        "{state}",
        "{state} is no number and none of the values",
    ),
    "a-value-in-a-shared-phrase": (
        "wording.toml",
        "since {when}",
        "since {wen}",
        "phrase.since: {wen} is no number and",
    ),
    "more-than-a-name-in-braces": (CARD, "{what} found", "{what:d} found", "write a name alone in braces, not {what}"),
    "nothing-in-braces": (CARD, "{limit} times", "{} times", "criteria.shakes: write a name alone in braces"),
    "a-brace-twice": (CARD, "{limit} times", "{{limit}} times", "criteria.shakes: write a name alone in braces"),
    "a-value-for-resources-on-a-card": (CARD, "{what} found", "{what} {patient}", "card.found: {patient} is no number"),
    "a-value-for-families-in-a-note": (CARD, "is common", "is {because}", "note.common: {because} is no number"),
    "a-value-for-resources-in-a-shared-phrase": (
        "wording.toml",
        "is alive and an adult",
        "is {patient}",
        "phrase.alive-and-adult: {patient} is no number",
    ),
    "a-value-of-one-rule-in-a-joint-summary": (
        "families.toml",
        'title = "Tremor"',
        'title = "Tremor"\ntogether-order = "{what} with {phrases}"',
        "family.tremor: {what} is no number",
    ),
    "a-number-nobody-gives-in-not-checked": (
        CARD,
        "the temperature",
        "the {heat}",
        "criteria.cold.not-checked: {heat} is no parameter",
    ),
    "a-number-nobody-gives-in-a-gate": ("gates.toml", "{age/adult}", "{age/adlut}", "adult: {age/adlut} is no"),
    "a-gate-that-goes-on-in-silence": ("gates.toml", 'not-checked = "palliative care"', "", "palliative-care: goes on"),
    "a-gate-of-all-that-does-not-say-why": ("gates.toml", "[alive]", "[living]", "alive: say in closed why"),
    "a-number-nobody-gives-in-when-of-a-family": (
        "families.toml",
        'title = "Tremor"',
        'title = "Tremor"\n[family.tremor.note.far]\nwhen = "Over {far}."\ntext = "Far."',
        "family.tremor.note.far.when: {far} is no number",
    ),
    "a-brace-left-open-in-a-resource": ("suggestions/referral.json", "draft", "{draft", "suggestions/referral.json:"),
    "a-fold-by-no-card": ("families.toml", "fold = []", 'fold = [{ by = "chorea" }]', "by chorea: no card 'chorea'"),
    "a-fold-of-no-variant": (
        "families.toml",
        "fold = []",
        'fold = [{ by = "tremor", takes = ["tremor/gone"] }]',
        "by tremor: no card 'tremor/gone'",
    ),
    "a-weight-of-no-card": ("families.toml", '["tremor"]', '["tremor", "chorea"]', "weight: no card folder 'chorea'"),
    "a-day-with-another-name": ("wording.toml", "since {day}", "since {dya}", "dates.since: {dya} is no number"),
    "no-words-for-a-period": ("wording.toml", "until = ", "untill = ", "dates.until: missing"),
    "nothing-between-two-items": ("wording.toml", 'or = " or "', "", "lists.or: missing"),
    "eleven-months": ("wording.toml", '"Jan", ', "", "length >= 12"),
    "a-length-with-another-name": ("wording.toml", "{n} weeks", "{m} weeks", "lengths.1: {m} is no number"),
    "a-length-of-no-days": ("wording.toml", "days = 7\n", "days = 0\n", "$.lengths[1].days"),
    "lengths-in-no-order": (
        "wording.toml",
        "from-days = 14\n",
        "from-days = 99\n",
        "lengths: the shortest comes first",
    ),
    "a-number-below-zero": (CARD, "value = 10", "value = -1", "parameter.warm: value: -1 is not between 0 and"),
    "a-number-that-is-none": (CARD, "value = 10", "value = nan", "parameter.warm: value: nan is not between 0 and"),
    "more-days-than-there-are": (
        "phenotypes/current-drug.toml",
        "value = 30\n",
        "value = 1e9\n",
        "value: 1e+09 is not between 0 and",
    ),
    "half-a-month": (CARD, 'value = 10\nunit = "Cel"', 'value = 2.5\nunit = "mo"', "2.5 mo is not a whole number"),
    "a-phenotype-of-another-file": (
        "phenotypes/shaking.toml",
        'id = "shaking"',
        'id = "age"',
        "phenotypes/shaking.toml: id: 'age' is not the name of its file",
    ),
    "a-time-below-zero": ("memory.toml", "ignored-days = 30", "ignored-days = -30", "$.ignored-days"),
    "an-unknown-gate": (
        CARD,
        "statements = []",
        'statements = []\ngates = ["drawbridge"]',
        "'drawbridge' is not in gates",
    ),
    "an-unknown-suggestion": (CARD, '["refer"]', '["dance"]', "card.found.suggestions: 'dance' is not in"),
    "a-reason-of-a-variant-alone": (
        CARD,
        'suggestions = ["refer"]',
        'suggestions = ["refer"]\noverride = ["palliative"]',
        "card.found.override: 'palliative' is no reason of the rule",
    ),
    "a-condition-of-another-reason": (
        CARD,
        'override = ["data-wrong"]',
        'override = ["data-wrong"]\noverride-with = { palliative = "found" }',
        "override-with: 'palliative' is no reason of the rule",
    ),
    "a-condition-that-nothing-meets": (
        CARD,
        'override = ["data-wrong"]',
        'override = ["data-wrong"]\noverride-with = { data-wrong = "lost" }',
        "override-with: data-wrong: 'lost' is no indicator, no note",
    ),
    "words-for-another-reason": (
        CARD,
        'override = ["data-wrong"]',
        'override = ["data-wrong"]\noverride-display = { palliative = "Hospice" }',
        "override-display: 'palliative' is no reason of the rule",
    ),
    "an-order-to-the-reader": (
        CARD,
        "{what} found",
        "You should see {what}",
        "card.found.summary: says should or must",
    ),
    "an-order-in-a-note": (CARD, "Tremor is common", "Tremor must go", "note.common: says should or must"),
    "going-on-in-silence": (CARD, 'not-checked = "the temperature"', "", "criteria.cold: goes on without knowing"),
    "an-unknown-rule": ("services.toml", '["tremor"]', '["tremor", "chorea"]', "one: no card folder 'chorea'"),
    "a-service-that-no-address-can-name": ("services.toml", 'id = "one"', 'id = "a/b"', "a/b: id: write lower-case"),
    "a-source-without-address": ("evidence.toml", "https://example.org", "example.org", "source-1: url: 'example.org"),
    "a-summary-of-two-lines": (CARD, '"{what} found"', '"{what}\\nfound"', "card.found.summary: write it in one line"),
    "a-card-with-an-empty-finding": (CARD, '["{what}"]', '[" "]', "card.found.found: is empty"),
    "a-card-without-findings": (CARD, '["{what}"]', "[]", "card.found.found: says nothing"),
    "a-button-without-words": ("suggestions.toml", '"Refer"', '""', "refer: is empty"),
    "a-rule-without-weight": ("families.toml", '["tremor"]', "[]", "weight: 'tremor' is missing"),
    "a-hook-without-cap": (
        "families.toml",
        "[cap.patient-view]",
        "[cap.order-dispatch]",
        "cap: 'patient-view' is missing",
    ),
    "a-cap-of-no-hook": ("families.toml", "[cap.order-sign]", "[cap.order-sing]", "cap: 'order-sing' is none of"),
    "an-unknown-hook": ("services.toml", '"patient-view"', '"patient-veiw"', "one: hook: 'patient-veiw' is none of"),
    "a-hook-without-lean-keys": ("services.toml", "patient-view =", "order-sign =", "lean: 'patient-view' is missing"),
    "lean-keys-of-no-hook": (
        "services.toml",
        "[prefetch-lean]",
        "[prefetch-lean]\nsign = []",
        "lean: 'sign' is none of",
    ),
    "a-lean-key-that-is-none": (
        "services.toml",
        '"conditions"',
        '"problems"',
        "prefetch-lean: patient-view: 'problems' is none of patient, conditions,",
    ),
    "a-resource-nobody-wrote": (
        "suggestions.toml",
        "referral.json",
        "dance.json",
        "refer: no file suggestions/dance.json",
    ),
    "a-suggestion-that-does-nothing": ("suggestions.toml", "create =", "#", "refer: does nothing"),
}


@pytest.mark.parametrize(("file", "old", "new", "told"), EDITS.values(), ids=EDITS)
def test_a_fault_names_file_and_key(small, file, old, new, told):
    small.edit(file, old, new)
    with pytest.raises(ContentError) as found:
        load(small.folder)
    assert any(fault.startswith(file) and told in fault for fault in found.value.faults), found.value.faults


def test_a_card_without_criteria_is_a_fault(small):
    path = small.folder / CARD
    before, _, rest = path.read_text().partition("[[criteria]]")
    path.write_text(before.replace("statements", "criteria = []\nstatements") + rest[rest.index("[parameter.warm]") :])
    with pytest.raises(ContentError, match=r"tremor/card\.toml: criteria: there is none"):
        load(small.folder)


def test_two_services_of_one_id_are_a_fault(small):
    text = (small.folder / "services.toml").read_text()
    small.add("services.toml", text[text.index("[[service]]") :])
    with pytest.raises(ContentError, match=r"services\.toml: one: two services have this id"):
        load(small.folder)


def test_several_services_may_answer_one_hook(small):
    text = (small.folder / "services.toml").read_text()
    small.add("services.toml", text[text.index("[[service]]") :].replace('id = "one"', 'id = "two"'))
    content = load(small.folder)
    assert [content.service(name).hook for name in ("one", "two")] == ["patient-view", "patient-view"]


def test_a_draft_needs_neither_evidence_nor_service_nor_weight(small):
    small.edit(CARD, 'status = "active"', 'status = "draft"')
    small.edit(CARD, '[[evidence]]\nid = "source-1"\nsays = "Tremor exists."\ngrade = 3\n', "")
    small.edit(CARD, "statements = []", "statements = []\nevidence = []")
    small.edit("services.toml", '["tremor"]', "[]")
    small.edit("families.toml", '["tremor"]', "[]")
    assert load(small.folder).rules["tremor"].status == "draft"


def test_an_active_card_cites_a_source(small):
    small.edit(CARD, '[[evidence]]\nid = "source-1"\nsays = "Tremor exists."\ngrade = 3\n', "")
    small.edit(CARD, "statements = []", "statements = []\nevidence = []")
    with pytest.raises(ContentError, match="an active card cites at least one source"):
        load(small.folder)


def test_a_number_of_a_phenotype_may_be_named_with_its_home(small):
    small.edit(CARD, "{limit}", "{shaking/limit}")
    assert load(small.folder)
