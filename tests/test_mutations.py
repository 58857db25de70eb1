"""Example requests spoilt in every way we know of: a right answer or a clear 4xx, nothing echoed, and life goes on.

Each test spoils some examples with a seed of its own, so that a failure can be had again.
"""

import copy
import json
import random

import pytest

from tests.calling import as_bytes, requests, serving, without_uuids
from tests.contract import read_validated

BATCHES, OF_EACH = 60, 40
MARK = "xQMARKQx"
PLAIN = "order-select-rbd-dementia"


@pytest.fixture(scope="module")
def call():
    with serving() as called:
        yield called


@pytest.fixture(scope="module")
def plain(call):
    request = requests()[PLAIN]
    return lambda: without_uuids(call(request["hook"], as_bytes(request)).cards)


# Places


def places(node):
    """Every place in a document below its root, as the holder and the step to it."""
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, member in steps:
        yield node, step
        yield from places(member)


def somewhere(request, rng, wanted=lambda _: True):
    found = [(holder, step) for holder, step in places(request) if wanted(holder[step])]
    return rng.choice(found) if found else (request, "hook")


def is_a(*kinds):
    return lambda value: isinstance(value, kinds) and not (bool not in kinds and isinstance(value, bool))


def members(request, name):
    return [(holder, step) for holder, step in places(request) if step == name]


# Ways to spoil a request


ODD = [
    "",
    MARK,
    0,
    -1,
    1e308,
    2**70,
    True,
    False,
    None,
    [],
    {},
    [None],
    [[]],
    {"": None},
    {MARK: MARK},
    [1, "a", {}],
    "\u0000",
    "\u202e",
]
DATES = [
    "yesterday",
    "2026-13-45",
    "0000-00-00",
    "99999-01-01",
    "2026-6-1",
    "0001-01-01",
    "9999-12-31",
    "",
    "T",
    "2026-06-15T99:99:99",
]


def another_type(request, rng):
    holder, step = somewhere(request, rng)
    holder[step] = copy.deepcopy(rng.choice(ODD))


def null(request, rng):
    holder, step = somewhere(request, rng)
    holder[step] = None


def nulls_everywhere(request, rng):
    """Every value of one name is null, or a null stands among the items of every list."""
    if rng.random() < 0.5:
        name = rng.choice(sorted({step for _, step in places(request) if isinstance(step, str)}))
        for holder, step in members(request, name):
            holder[step] = None
    else:
        for holder, step in [(h, s) for h, s in places(request) if isinstance(h[s], list)]:
            holder[step].insert(rng.randint(0, len(holder[step])), None)


def remove(request, rng):
    holder, step = somewhere(request, rng)
    del holder[step]


def remove_everywhere(request, rng):
    name = rng.choice(sorted({step for _, step in places(request) if isinstance(step, str)}))
    for holder, step in members(request, name):
        del holder[step]


def numbers_as_strings(request, rng):
    for holder, step in [(h, s) for h, s in places(request) if is_a(int, float)(h[s])]:
        holder[step] = rng.choice([str(holder[step]), f" {holder[step]} ", f"<{holder[step]}", MARK])


def strings_as_numbers(request, rng):
    holder, step = somewhere(request, rng, is_a(str))
    holder[step] = rng.choice([1, 0.5, -7, 10**40])


def lists_as_objects(request, rng):
    everywhere = rng.random() < 0.3
    found = [(h, s) for h, s in places(request) if isinstance(h[s], list) and h[s]]
    for holder, step in found if everywhere else [rng.choice(found)]:
        holder[step] = holder[step][0]


def objects_as_lists(request, rng):
    holder, step = somewhere(request, rng, is_a(dict))
    holder[step] = rng.choice([[holder[step]], [holder[step]] * 2, [[holder[step]]]])


def a_string_for_an_object(request, rng):
    holder, step = somewhere(request, rng, is_a(dict))
    holder[step] = MARK


def bundles_without_type(request, rng):
    for holder, step in [(h, s) for h, s in places(request) if h[s] in ("Bundle", "searchset", "collection")]:
        if rng.random() < 0.7:
            del holder[step]


def entries_without_resource(request, rng):
    for holder, step in members(request, "resource"):
        if rng.random() < 0.5:
            holder[step] = rng.choice([None, {}, [], MARK])


def unknown_types(request, rng):
    found = members(request, "resourceType")
    for holder, step in rng.sample(found, min(len(found), rng.randint(1, 5))):
        holder[step] = rng.choice(["Banana", MARK, "", "MedicationOrder", "Patient", "Bundle", None, 7])


def unreadable_dates(request, rng):
    dates = [(h, s) for h, s in places(request) if isinstance(h[s], str) and h[s][:4].isdigit() and "-" in h[s][:8]]
    for holder, step in dates:
        if rng.random() < 0.7:
            holder[step] = rng.choice(DATES)


def lone_surrogates(request, rng):
    for _ in range(rng.randint(1, 6)):
        holder, step = somewhere(request, rng, is_a(str))
        holder[step] += rng.choice(["\ud800", "\udfff", "\ud83d", "\udc00\ud800"])


def deep_nesting(request, rng):
    node = "deep"
    for _ in range(rng.choice([64, 64, 150])):
        node = rng.choice([[node], {"item": node}, {"extension": [node]}])
    holder, step = somewhere(request, rng)
    holder[step] = node


def another_patient(request, rng):
    for holder, step in [(h, s) for h, s in places(request) if isinstance(h[s], str) and h[s].startswith("Patient/")]:
        if rng.random() < 0.5:
            holder[step] = rng.choice(
                ["Patient/somebody-else", f"Patient/{MARK}", "Group/1", "Patient/", "#p", "urn:uuid:1"]
            )


def another_patient_in_context(request, rng):
    request.get("context", {})["patientId"] = rng.choice(
        ["somebody-else", MARK, "Patient/1", "../..", "a?b=c", "é", "x" * 300]
    )


def marked_strings(request, rng):
    for holder, step in [(h, s) for h, s in places(request) if isinstance(h[s], str)]:
        if rng.random() < 0.2:
            holder[step] = rng.choice(
                [MARK, holder[step] + MARK, f"<script>{MARK}</script>", f"[{MARK}](http://{MARK})"]
            )


def twice(request, rng):
    holder, step = somewhere(request, rng, is_a(list))
    if isinstance(holder[step], list):
        holder[step] += copy.deepcopy(holder[step])


def swapped_prefetch(request, rng):
    held = request.get("prefetch")
    if isinstance(held, dict) and held:
        keys = list(held)
        values = [held[key] for key in keys]
        rng.shuffle(values)
        request["prefetch"] = dict(zip(keys, values, strict=True))


WAYS = [
    another_type,
    another_type,
    null,
    nulls_everywhere,
    remove,
    remove_everywhere,
    numbers_as_strings,
    strings_as_numbers,
    lists_as_objects,
    objects_as_lists,
    a_string_for_an_object,
    bundles_without_type,
    entries_without_resource,
    unknown_types,
    unreadable_dates,
    lone_surrogates,
    deep_nesting,
    another_patient,
    another_patient_in_context,
    marked_strings,
    twice,
    swapped_prefetch,
]


def with_duplicate_keys(body, rng):
    """Some members are written twice, the second time with another value."""
    parts = body.split(b", ")
    for _ in range(rng.randint(1, 5)):
        place = rng.randrange(len(parts))
        name, colon, _ = parts[place].rpartition(b": ")
        name = name.rpartition(b"{")[2] or name
        if colon and name.startswith(b'"'):
            parts[place] += b", " + name + b": " + rng.choice([b"null", b'"%s"' % MARK.encode(), b"[]", b"{}", b"1"])
    return b", ".join(parts)


def nested_beyond_reason(body, rng):
    """Deeper than any parser goes."""
    depth = rng.choice([1_000, 10_000, 100_000])
    return b'{"deep": ' + b"[" * depth + b"]" * depth + b", " + body[1:]


def cut_or_torn(body, rng):
    place = rng.randrange(len(body))
    return rng.choice([body[:place], body[:place] + b"\xff\xfe" + body[place:], body[:place] + b"," + body[place:]])


def marked(request):
    """The words of the record are marked from the start: whatever is echoed will be seen."""
    made = copy.deepcopy(request)
    for holder, step in list(places(made)):
        if step in ("text", "display", "family", "hookInstance", "title") and isinstance(holder[step], str):
            holder[step] += f" {MARK}"
    return made | {"extension": {MARK: MARK}}


def spoilt(rng):
    """The name of an example, what was done to it, and the body that came of it."""
    name = rng.choice(sorted(requests()))
    request = marked(requests()[name])
    ways = rng.sample(WAYS, rng.choice([1, 1, 2, 3]))
    for way in ways:
        try:
            way(request, rng)
        except (AttributeError, TypeError, LookupError):
            continue  # what this way looks for is gone by now
    body = as_bytes(request)
    done = [way.__name__ for way in ways]
    for tear, share in ((with_duplicate_keys, 0.08), (nested_beyond_reason, 0.02), (cut_or_torn, 0.04)):
        if rng.random() < share:
            body, done = tear(body, rng), [*done, tear.__name__]
    return name, done, body


def check(answer):
    assert answer.status in (200, 400, 412, 422)
    assert MARK not in json.dumps(answer.lines)
    assert MARK not in json.dumps(answer.headers)
    if answer.status == 200:
        read_validated(answer.body)
        return
    read_validated(answer.body, "outcome")
    assert MARK.encode() not in answer.body


@pytest.mark.parametrize("seed", range(BATCHES))
def test_a_spoilt_request_is_answered_and_the_next_one_too(call, plain, seed):
    rng, before = random.Random(seed), plain()
    for _ in range(OF_EACH):
        name, ways, body = spoilt(rng)
        answer = call(requests()[name]["hook"], body)
        try:
            check(answer)
            assert plain() == before
        except Exception as fault:
            raise AssertionError(f"{name} after {', '.join(ways)}: {fault}") from fault


def test_every_way_spoils_something():
    rng = random.Random(1)
    for way in WAYS:
        before = marked(requests()["order-sign-clonazepam-many-risks"])
        after = copy.deepcopy(before)
        way(after, rng)
        assert after != before, way.__name__


def test_more_than_2000_requests_are_spoilt():
    assert BATCHES * OF_EACH > 2000
