"""A value set as it is given out: the FHIR ValueSet of its file, with what the site changes in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, TypeAlias

from cds_service.content.overlay import CardFiles
from cds_service.terminology.systems import ICD
from cds_service.terminology.value_sets import Code, ValueSet, Word

PATH = "/ValueSet"
_WORD = "urn:org.rbd-cds:word"
_INGREDIENT = {"system": "urn:org.rbd-cds:codes", "code": "ingredient"}
Json: TypeAlias = dict[str, Any]


def resource_of(files: CardFiles, one: ValueSet) -> bytes:
    """The file as it is, unless the site changes the set: then with the codes and words that hold."""
    text = files.path(f"value-sets/{one.name}.json").read_bytes()
    if not (files.under and (files.folder / f"value-sets/{one.name}.toml").is_file()):
        return text
    resource: Json = json.loads(text)
    others = [extension for extension in resource["extension"] if extension["url"] != _WORD]
    resource["extension"] = [*others, *map(_word, one.words)]
    resource["compose"] = {"include": list(_parts(one.codes))} | (
        {"exclude": list(_parts(one.left_out))} if one.left_out else {}
    )
    return json.dumps(resource, ensure_ascii=False, indent=2).encode()


def _word(word: Word) -> Json:
    if not word.ingredient:
        return {"url": _WORD, "valueString": word.text}
    parts = [{"url": "word", "valueString": word.text}, {"url": "ingredient", "valueString": word.ingredient}]
    return {"url": _WORD, "extension": parts}


def _parts(codes: Iterable[Code]) -> Iterator[Json]:
    """A part for each run of codes of one system; an ICD category without a name is a part of its own."""
    for (system, category), run in groupby(codes, key=lambda code: (code.system, _is_category(code))):
        if category:
            for code in run:
                yield {"system": system, "filter": [{"property": "concept", "op": "is-a", "value": code.code}]}
        else:
            yield {"system": system, "concept": list(map(_concept, run))}


def _is_category(code: Code) -> bool:
    return code.system in ICD and not code.display


def _concept(code: Code) -> Json:
    named = [{"use": _INGREDIENT, "value": ingredient} for ingredient in sorted(code.ingredients)]
    shown = {"display": code.display} if code.display else {}
    return {"code": code.code, **shown} | ({"designation": named} if named else {})
