"""What can be made of a fact: the laws that no operation may break."""

from typing import NamedTuple

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable, all_of, either, of, together, unread


class Item(NamedTuple):
    source: str
    size: int = 0


SMALL, LARGE = Item("Observation/1", 1), Item("Observation/2", 9)
BOTH = all_of([SMALL, LARGE])
NOT_SENT = Unavailable("observations: not sent")
OPERATIONS = {
    "read_as": lambda fact: fact.read_as(len),
    "then": lambda fact: fact.then(lambda items: of(items[0])),
    "provided": lambda fact: fact.provided(bool),
    "where": lambda fact: fact.where(bool),
    "best": lambda fact: fact.best(lambda item: item.size),
    "first": lambda fact: fact.first(),
}
each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


@each_operation
def test_what_is_absent_stays_absent(operation):
    assert operation(ABSENT) is ABSENT


@each_operation
def test_what_is_unavailable_stays_so_for_its_own_reason(operation):
    assert operation(NOT_SENT) is NOT_SENT


@each_operation
def test_nothing_is_asked_of_what_is_not_known(operation):
    assert not operation(ABSENT).known
    assert not operation(NOT_SENT).known
    assert operation(BOTH).known


def test_a_known_fact_gives_its_value_and_another_what_stands_in_its_place():
    assert of(SMALL).value_or(None) == SMALL
    assert ABSENT.value_or(()) == ()
    assert NOT_SENT.value_or(None) is None


def test_other_terms_keep_every_resource():
    assert BOTH.read_as(len) == Known(2, ("Observation/1", "Observation/2"))


def test_what_is_found_further_on_tells_its_own_resources():
    assert of(SMALL).then(lambda _: of(LARGE)) == Known(LARGE, ("Observation/2",))
    assert of(SMALL).then(lambda _: ABSENT) is ABSENT
    assert of(SMALL).then(lambda _: NOT_SENT) is NOT_SENT


def test_a_fact_of_which_something_does_not_hold_is_absent():
    assert BOTH.provided(lambda items: len(items) == 2) is BOTH
    assert BOTH.provided(lambda items: len(items) == 3) is ABSENT


def test_those_that_are_wanted_are_told_by_their_own_resources():
    assert BOTH.where(lambda item: item.size > 5) == Known((LARGE,), ("Observation/2",))
    assert BOTH.where(lambda item: item.size > 10) is ABSENT


def test_the_best_ranks_lowest_and_the_first_of_equals_is_taken():
    assert BOTH.best(lambda item: -item.size) == of(LARGE)
    assert BOTH.best(lambda _: 0) == of(SMALL)


def test_the_first_is_told_by_its_own_resource():
    assert BOTH.first() == Known(SMALL, ("Observation/1",))


def test_nothing_found_is_absent():
    assert all_of([]) is ABSENT
    assert all_of(iter([SMALL])) == Known((SMALL,), ("Observation/1",))


def test_what_was_not_read_is_told_by_the_first_that_could_not_be_looked_up():
    assert unread(BOTH, ABSENT) is ABSENT
    assert unread(ABSENT, NOT_SENT, Unavailable("conditions: failed")) is NOT_SENT


def test_either_is_the_first_known():
    assert either(ABSENT, NOT_SENT, of(SMALL), of(LARGE)) == of(SMALL)
    assert either(ABSENT, ABSENT) is ABSENT


def test_neither_tells_each_reason_once():
    failed = Unavailable("conditions: failed")
    assert either(NOT_SENT, ABSENT, NOT_SENT) == NOT_SENT
    assert either(NOT_SENT, failed) == Unavailable("observations: not sent; conditions: failed")


def test_together_is_all_that_is_known():
    assert together(all_of([SMALL]), NOT_SENT, all_of([LARGE])) == BOTH
    assert together(ABSENT, NOT_SENT) == NOT_SENT
