"""A very short run of the soak, and that each of its bounds can be broken."""

import pytest

from tests.soak.__main__ import told
from tests.soak.bounds import Ended, Sample, bounds
from tests.soak.run import soak

STEADY = Ended((Sample(100.0, 20, 4.0),) * 8, calls=900, unexpected={}, acknowledged=90, lost=0)


def broken(ended: Ended) -> list[str]:
    return [bound.name for bound in bounds(ended) if not bound.is_kept]


@pytest.mark.timing
def test_a_short_run_loses_nothing_and_gets_the_answers_it_should() -> None:
    ended = soak(3)
    assert ended.unexpected == {}
    assert ended.lost == 0
    assert ended.acknowledged > 10
    assert ended.calls > 2 * ended.acknowledged
    assert len(told(ended)) == len(ended.samples) + 7


def test_a_server_that_stays_as_it_is_keeps_every_bound() -> None:
    assert broken(STEADY) == []


@pytest.mark.parametrize(
    ("last", "name"),
    [
        (Sample(150.0, 20, 4.0), "memory, MB"),
        (Sample(100.0, 60, 4.0), "descriptors"),
        (Sample(100.0, 20, 9.0), "median latency, ms"),
    ],
)
def test_what_grows_with_time_breaks_its_bound(last: Sample, name: str) -> None:
    ended = Ended((*STEADY.samples[:6], last, last), calls=900, unexpected={}, acknowledged=90, lost=0)
    assert broken(ended) == [name]
    assert any(line.startswith("BROKEN") and name in line for line in told(ended))


def test_one_lost_acknowledgement_or_one_wrong_answer_breaks_the_run() -> None:
    lost = Ended(STEADY.samples, calls=900, unexpected={"/cds-services/x 500": 1}, acknowledged=90, lost=1)
    assert broken(lost) == ["lost of the acknowledged", "answers that should be others"]
