"""Documents with something else in some places, as bytes: also what Python's own JSON would not write."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings, strategies as st

from tests.calling import requests
from tests.marks import MARK

Json = Any
Place = tuple[str | int, ...]


def so_many(examples: int) -> settings:
    """So many examples of a test, or as many as FUZZ says."""
    many = int(os.environ.get("FUZZ", examples))
    return settings(max_examples=many, deadline=None, suppress_health_check=list(HealthCheck))


def bare(text: str) -> str:
    """Stands for JSON that is written as it is."""
    return f"@{text}@"


TIMES = (
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "2016-12-31T23:59:60Z",
    "1969-12-31T23:59:59.999999Z",
    "2026-06-15T24:00:00Z",
    "2026-06-15T12:00:00",
    "2026-W25-1T12:00:00+00:00",
    "2026-06-15T12:00:00+23:59:59.999999",
)
DATES = (
    "9999-12-31",
    "0001-01-01",
    "0001",
    "9999",
    "0000",
    "2026-02-30",
    "2026-6-1",
    "10000-01-01",
    "9999-12",
    "0001-01",
)
UNITS = ("mg", "ug", "µg", "kg", "{tablet}", "%", "[lb_av]", "a", "mo", "h", "mL/min", "²")
WORDS = (
    "",
    " ",
    "\n",
    "\u0000",
    "\u202e",
    "é" * 200,
    "\ud83d\ude00",
    "\ud800",
    "-1",
    "1e999",
    "Bundle",
    "Condition",
    "next",
)
texts = st.sampled_from(
    [
        MARK,
        f"{MARK} \ud800",
        f"\u0000{MARK}",
        f"Patient/{MARK}",
        f"https://{MARK}",
        MARK * 20_000,
        *WORDS,
        *UNITS,
        *DATES,
        *TIMES,
    ]
)
numbers = st.sampled_from(
    [0, -1, 1, 0.1, -0.5, 10, 1e308, -1e308, 5e-324, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, -(10**400), 10**400]
) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)  # fmt: skip
RARE = (
    "1e400", "1e-400", "-0", "-0.0", "1E+0000000000000000000000001", "9" * 5_000, "0." + "1" * 5_000,
    "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, '{"resourceType":"Patient","resourceType":"Bundle"}',
)  # fmt: skip
NOT_JSON = ("01", "NaN", "-Infinity", "tru", '"', "{", "[1,]", "9" * 40_000, "[" * 9_000 + "]" * 9_000)
plain = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.just("resourceType"), inner, max_size=3),
    max_leaves=6,
)
values = st.integers(0, 39).flatmap(
    lambda n: st.sampled_from(list(map(bare, NOT_JSON if n == 39 else RARE))) if n > 34 else plain
)


def places(node: Json, path: Place = ()) -> Iterator[Place]:
    if path:
        yield path
    if isinstance(node, dict | list):
        for step, member in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(member, (*path, step))


def by_name(document: Json) -> dict[str, list[Place]]:
    """Places by the name of their member, so that rare ones are not lost among words and codes."""
    found: dict[str, list[Place]] = {}
    for place in places(document):
        found.setdefault(next(step for step in reversed(place) if isinstance(step, str)), []).append(place)
    return found


def _pool() -> dict[str, list[Json]]:
    """What stands under a name anywhere in the examples: the likeliest to be understood in another's place."""
    found: dict[str, dict[str, Json]] = {}
    for request in requests().values():
        for name, known in by_name(request).items():
            for place in known:
                node = reduce(getitem, place, request)
                text = json.dumps(node)
                if len(text) < 1_000:
                    found.setdefault(name, {})[text] = node
    return {name: list(known.values()) for name, known in found.items()}


POOL = _pool()


class Spoilt(NamedTuple):
    """A document after some changes; a failing example shows them and not the rest."""

    body: bytes
    changes: list[str]

    def __repr__(self) -> str:
        return "\n".join(change if len(change) < 300 else f"{change[:300]}..." for change in self.changes)


@st.composite
def spoilt(draw: st.DrawFn, document: Json, most: int = 4, least: int = 1, name: str = "") -> Spoilt:
    """The document with something else, nothing or more of it in some places."""
    document = copy.deepcopy(document)
    known = by_name(document)
    changes = [name]
    for _ in range(draw(st.integers(least, most))):
        place = draw(st.sampled_from(known[draw(st.sampled_from(sorted(known)))]))
        *steps, last = place
        try:
            changes.append(f"{place}: {_spoil(draw, reduce(getitem, steps, document), last)}")
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return Spoilt(written(document), changes)


def _spoil(draw: st.DrawFn, node: Json, last: str | int) -> str:
    there = node[last]
    match draw(st.sampled_from(_WAYS)):
        case "other":
            node[last] = draw(values)
        case "known":
            node[last] = copy.deepcopy(draw(st.sampled_from(POOL.get(str(last), [MARK]))))
        case "gone":
            del node[last]
            return "gone"
        case "null":
            node[last] = None
        case "listed":
            node[last] = there[0] if isinstance(there, list) and there else [there, there]
        case "twice" if isinstance(node, list):
            node.append(copy.deepcopy(there))
            return "twice"
        case _ if isinstance(node, dict):
            name = draw(texts)
            node[name] = draw(values)
            return f"and {name!r}: {node[name]!r}"
    return repr(node[last])


_WAYS = ("other", "other", "other", "known", "known", "gone", "null", "listed", "twice", "named")
_BARE = re.compile(r'"@([^@]*)@"')


def written(document: Json) -> bytes:
    """As bytes; what stands bare is written as it is."""
    found = json.dumps(document)
    return _BARE.sub(lambda match: json.loads(f'"{match[1]}"'), found).encode()
