"""What is not there is left out with a sentence, and is a failure where everything has to be there."""

import pytest

from tests.real_parts import left_out


@pytest.mark.parametrize("told", ["", "false"])
def test_elsewhere_it_is_left_out(monkeypatch, told):
    monkeypatch.setenv("CI", told)
    with pytest.raises(pytest.skip.Exception, match="not installed"):
        left_out("nginx is not installed")


def test_under_ci_it_fails(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"nginx is not installed .*nothing is left out"):
        left_out("nginx is not installed")
