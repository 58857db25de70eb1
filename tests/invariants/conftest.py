"""The requests that the invariants are tried on: the examples, the patients opened, and every written case."""

import copy

import pytest

from tests.calling import as_bytes, charts, opened, requests, serving, without_uuids
from tests.case_runs import cases, runner


class Bases:
    """Requests by name, and by a number that hypothesis may choose."""

    def __init__(self, held):
        self._held = held
        self._names = sorted(held)

    def __getitem__(self, name):
        return self._held[name]

    def nth(self, place):
        return self._held[self._names[place % len(self._names)]]

    def with_drafts(self):
        return Bases({name: one for name, one in self._held.items() if "draftOrders" in one["context"]})


@pytest.fixture(scope="session")
def bases():
    found = dict(requests())
    found |= {f"opened/{name}": opened(name) for name in charts()}
    for rule, held in cases().items():
        found |= {f"{rule}/{case.name}": runner().request(rule, case) for case in held}
    return Bases(found)


@pytest.fixture(scope="session")
def call():
    with serving() as called:
        yield called


@pytest.fixture(scope="session")
def ask(call):
    """The answer to a request, without the uuids, which are new each time; None where it was refused."""

    def asked(request):
        answer = call(request["hook"], as_bytes(request))
        if answer.status != 200:
            return None
        return answer.json | {"cards": without_uuids(answer.cards)}

    return asked


@pytest.fixture
def changed():
    """A copy of a request to change, with the Bundles of its prefetch."""

    def copied(request):
        made = copy.deepcopy(request)
        found = made.get("prefetch", {})
        return made, {
            key: one for key, one in found.items() if isinstance(one, dict) and one["resourceType"] == "Bundle"
        }

    return copied
