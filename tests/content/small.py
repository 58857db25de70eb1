"""A folder of cards with one rule and nothing beyond what it needs, to be broken on purpose."""

from pathlib import Path

from cds_service.content.forms import FILE
from cds_service.content.places import cards
from cds_service.settings import Settings

FILES = {
    **{
        name: (cards(Settings()) / name).read_text(encoding="utf-8")
        for name in (FILE, "wording.toml", "gates.toml", "phenotypes/age.toml", "phenotypes/current-drug.toml")
    },
    "services.toml": """
[prefetch-lean]
patient-view = ["patient", "conditions"]

[prefetch-loss]
conditions = "Everything."

[[service]]
id = "one"
hook = "patient-view"
title = "One"
description = "One rule."
usage-requirements = "None."
rules = ["tremor"]
""",
    "families.toml": """
weight = ["tremor"]
fold = []

[family.tremor]
title = "Tremor"

[stale]
override = ["data-wrong"]

[cap.patient-view]
cards = 1

[cap.order-select]
cards = 1

[cap.order-sign]
cards = 1
""",
    "evidence.toml": """
[source-1]
label = "Source 2020"
citation = "Somebody. A paper. J 2020;1:1"
url = "https://example.org/paper"
strength = "cohort"
""",
    "override-reasons.toml": """
[data-wrong]
system = "urn:org.rbd-cds:codes"
display = "The record is wrong"
mutes-days = 14
""",
    "memory.toml": """
accepted-months = 12
without-reason = "data-wrong"
ignored-days = 30
session-hours = 8
""",
    "not-checked.toml": """
enabled = false
version = "1.0.0"
title = "Not checked"
summary = "{drugs}: {topics} not checked ({reasons})"
summary-short = "{drugs}: {topics} not checked"
detail = "{reasons}"
summary-unread = "Unread"
detail-unread = "{topics}"
source-label = "Somebody"
reason = "{data} {why}"
topic = {}
data = {}
why = {}
""",
    "leaflets.toml": "",
    "links.toml": "",
    "statements.toml": "",
    "suggestions.toml": """
[refer]
label = "Refer"
create = [{ resource = "referral.json", description = "Draft referral" }]
""",
    "suggestions/referral.json": '{"resourceType": "ServiceRequest", "status": "draft", "intent": "order"}',
    "phenotypes/shaking.toml": """
id = "shaking"
title = "Shaking"
text = "How much."

[parameter.limit]
value = 4
unit = "/s"
source = "Somebody"
""",
    "value-sets/rbd.json": """{
 "resourceType": "ValueSet", "id": "rbd", "url": "urn:org.rbd-cds:ValueSet:rbd", "name": "Rbd", "title": "RBD",
 "status": "active", "experimental": false, "version": "0.1.0", "description": "For tests.",
 "extension": [
  {"url": "urn:org.rbd-cds:kind", "valueCode": "condition"},
  {"url": "urn:org.rbd-cds:short-label", "valueString": "RBD"},
  {"url": "urn:org.rbd-cds:word", "valueString": "RBD"}
 ],
 "compose": {"include": [{"system": "http://snomed.info/sct", "concept": [{"code": "415238003"}]}]}
}""",
    "tremor/card.toml": """
id = "tremor"
code = "TRE-01"
title = "Tremor"
question = "Does the patient shake?"
status = "active"
version = "1.0.0"
about = "patient"
family = "tremor"
reads = ["patient", "conditions"]
triggers = [{ conditions = ["rbd"] }]
statements = []
override = ["data-wrong"]

[review]
written-by = "a test"
next-review = 2027-01-01

[[criteria]]
id = "shakes"
kind = "only-if"
text = "The patient shakes at least {limit} times a second."

[[criteria]]
id = "cold"
kind = "unless"
text = "It is below {warm} degrees."
not-checked = "the temperature"

[parameter.warm]
value = 10
unit = "Cel"
source = "Somebody"

[indicator.found]
indicator = "info"
when = "Always."

[card.found]
when = "Always."
summary = "{what} found"
found = ["{what}"]
values = ["what"]
suggestions = ["refer"]

[note.common]
when = "Always."
text = "Tremor is common."

[[evidence]]
id = "source-1"
says = "Tremor exists."
grade = 3
""",
    "tremor/cases.toml": """
[[case]]
name = "shakes"
says = "Somebody shakes"
hook = "patient-view"
chart = ["patient-66m", "condition-rbd"]
expect = "info"
card = "found"
""",
}


class SmallCards:
    """The folder, and the edits that a test makes in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new))

    def add(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(path.read_text() + text)
